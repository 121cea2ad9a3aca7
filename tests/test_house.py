"""The house is checked: who may import whom, what the pure rooms may not do, how long a file is.

The tables are the rules. The checker reads syntax trees, never a running module, and is itself
tried on small sources that break one rule each.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "pushkit_cli"
MAX_LINES = 400
MAX_COMMAND_LINES = 40

# Who may import whom

_NEXT = {
    "errors": "",
    "apns": "errors",
    "wire": "apns",
    "phone": "apns",
    "pushkit": "phone apns",
    "callkit": "pushkit",
    "metrics": "apns",
    "store": "apns",
    "emulator": "phone apns",
    "net": "wire",
    "engine": "net store emulator pushkit callkit",
    "testing": "engine",
}
ROOT_MODULE = "__init__"
"""The package itself, for `__version__`."""


def _closure(room: str) -> frozenset[str]:
    direct = frozenset(_NEXT[room].split())
    return direct.union(*(_closure(other) for other in direct))


MAY_IMPORT: dict[str, frozenset[str]] = {
    **{room: _closure(room) for room in _NEXT},
    # The ready event says the version.
    "engine": _closure("engine") | {ROOT_MODULE},
    "cli": frozenset({"engine", "metrics", "apns", "errors", ROOT_MODULE}),
    ROOT_MODULE: frozenset(),
}

# What may be used where: a module, and the files (by the head of their path) that may import it

PURE = frozenset({"apns", "wire", "phone", "emulator", "metrics", "pushkit", "callkit"})
IMPURE_MODULES = frozenset({
    "os", "pathlib", "socket", "ssl", "asyncio", "time", "random", "secrets", "sqlite3", "sys",
    "subprocess", "threading", "logging", "tempfile", "shutil", "select", "selectors", "signal",
    "multiprocessing", "concurrent", "importlib",
})  # fmt: skip
IMPURE_NAMES = frozenset({"uuid.uuid4", "uuid.uuid1", "datetime.now", "datetime.utcnow",
                          "datetime.today", "date.today"})  # fmt: skip
IMPURE_CALLS = frozenset({"open", "print", "input", "eval", "exec", "__import__", "breakpoint"})
ONLY_IN: dict[str, tuple[str, ...]] = {
    "h2": (),
    "hpack": ("wire/",),
    "hyperframe": (),
    **dict.fromkeys(("fcntl", "resource", "pwd"), ("engine/host.py", "store/files.py")),
    "signal": ("engine/host.py", "engine/job.py", "store/files.py"),
    **dict.fromkeys(("asyncio", "threading", "subprocess", "time"), ("engine/", "net/")),
    "httpx": ("net/rest.py",),
    "rich": ("cli/",),
}
ONLY_IN_OF_PURE = dict.fromkeys(("jwt", "cryptography"), "apns/token.py")


@dataclass(frozen=True)
class Import:
    """One imported name, in full, with the module it comes from."""

    module: str
    name: str | None
    level: int

    @property
    def full(self) -> str:
        return self.module if self.name is None else f"{self.module}.{self.name}"

    @property
    def room(self) -> str | None:
        """The room of ours it reaches into."""
        head, *rest = self.full.split(".")
        if head != PACKAGE:
            return None
        return rest[0] if rest and rest[0] in MAY_IMPORT else ROOT_MODULE


@dataclass(frozen=True)
class File:
    """One file of the package; `path` is below the package's folder."""

    path: str
    source: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def room(self) -> str:
        return self.path.split("/")[0].removesuffix(".py")

    @cached_property
    def imports(self) -> list[Import]:
        """Every import, wherever it stands: in a function or under TYPE_CHECKING as well."""
        found = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [Import(alias.name, None, 0) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                found += [Import(module, alias.name, node.level) for alias in node.names]
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                found += [
                    Import(word.value, None, 0)
                    for word in node.args
                    if isinstance(word, ast.Constant) and isinstance(word.value, str)
                ]
        return found

    @cached_property
    def only_for_types(self) -> set[str]:
        """What is imported under TYPE_CHECKING."""
        guarded = [
            ast.unparse(ast.Module(body=node.body, type_ignores=[]))
            for node in ast.walk(self.tree)
            if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        ]
        return {one.full for source in guarded for one in File(self.path, source).imports}

    @cached_property
    def uses(self) -> list[str]:
        """What is called, and each attribute that is named, as they are written."""
        calls = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        called = [ast.unparse(node.func) for node in calls if isinstance(node.func, ast.Name)]
        named = [ast.unparse(n) for n in ast.walk(self.tree) if isinstance(n, ast.Attribute)]
        return called + named


def _is(module: str, name: str) -> bool:
    return name == module or name.startswith(f"{module}.")


# The rules


def imports_point_inward(file: File) -> Iterator[str]:
    if file.room not in MAY_IMPORT:
        yield f"no room is called {file.room}: give it a row in the table"
        return
    for one in file.imports:
        if one.level:
            yield f"a relative import of {one.full}"
        elif one.room not in (None, file.room, *MAY_IMPORT[file.room]):
            yield f"{file.room} imports {one.full}"


def pure_rooms_are_pure(file: File) -> Iterator[str]:
    if file.room not in PURE:
        return
    for one in file.imports:
        is_the_type = one.full == "random.Random" and one.full in file.only_for_types
        if one.module.split(".")[0] in IMPURE_MODULES and not is_the_type:
            yield f"imports {one.full}"
        if one.full in IMPURE_NAMES:
            yield f"imports {one.full}"
        for library, allowed in ONLY_IN_OF_PURE.items():
            if _is(library, one.module) and file.path != allowed:
                yield f"imports {library}"
    for use in file.uses:
        if use in IMPURE_CALLS or ".".join(use.split(".")[-2:]) in IMPURE_NAMES:
            yield f"uses {use}"


def libraries_stay_in_their_rooms(file: File) -> Iterator[str]:
    for one in file.imports:
        for library, rooms in ONLY_IN.items():
            if _is(library, one.module) and not file.path.startswith(rooms):
                yield f"imports {library}"


def only_the_front_room_prints(file: File) -> Iterator[str]:
    if file.room != "cli" and "print" in file.uses:
        yield "calls print"


def files_are_short(file: File) -> Iterator[str]:
    lines = len(file.source.splitlines())
    if lines > MAX_LINES:
        yield f"{lines} lines"


def modules_say_what_they_are(file: File) -> Iterator[str]:
    first = (ast.get_docstring(file.tree) or "").partition("\n")[0]
    if not first.endswith("."):
        yield f"the docstring's first line is {first!r}"


def commands_are_short(file: File) -> Iterator[str]:
    if file.room != "cli":
        return
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        words = [ast.unparse(one).partition("(")[0] for one in node.decorator_list]
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        if any(word.split(".")[-1] == "command" for word in words) and lines > MAX_COMMAND_LINES:
            yield f"the command {node.name} has {lines} lines"


Rule = Callable[[File], Iterator[str]]
RULES: tuple[Rule, ...] = (
    imports_point_inward,
    pure_rooms_are_pure,
    libraries_stay_in_their_rooms,
    only_the_front_room_prints,
    files_are_short,
    modules_say_what_they_are,
    commands_are_short,
)


def _files(folder: str) -> list[File]:
    top = ROOT / folder
    return [
        File(path.relative_to(top).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(top.rglob("*.py"))
    ]


HOUSE = _files(PACKAGE)


def _broken(rule: Rule, files: list[File]) -> dict[str, list[str]]:
    found = {file.path: list(rule(file)) for file in files}
    return {path: wrong for path, wrong in found.items() if wrong}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_of_the_house_keeps_every_rule(rule: Rule) -> None:
    assert _broken(rule, HOUSE) == {}


def test_no_file_of_the_tests_is_too_long() -> None:
    assert _broken(files_are_short, _files("tests")) == {}


def test_the_house_was_found() -> None:
    assert {"errors", "apns", "wire", "phone", "emulator"} <= {file.room for file in HOUSE}
    assert len(HOUSE) > 20


# The checker is checked

DOC = '"""What may live here."""\n'
LONG = "    x = 1\n" * (MAX_COMMAND_LINES + 1)

BROKEN: tuple[tuple[Rule, str, str, str], ...] = (
    (imports_point_inward, "apns/x.py", "import pushkit_cli.store.files", "store.files"),
    (imports_point_inward, "apns/x.py", "from pushkit_cli.wire import client", "wire.client"),
    (imports_point_inward, "apns/x.py", "from pushkit_cli import phone", "pushkit_cli.phone"),
    (imports_point_inward, "apns/x.py", "def f():\n    import pushkit_cli.net", "pushkit_cli.net"),
    (imports_point_inward, "store/x.py",
     "if TYPE_CHECKING:\n    from pushkit_cli.emulator.state import State", "emulator.state.State"),
    (imports_point_inward, "store/x.py", "import pushkit_cli.net.sender", "net.sender"),
    (imports_point_inward, "net/x.py", "import pushkit_cli.store.files", "store.files"),
    (imports_point_inward, "net/x.py", "import pushkit_cli.emulator.world", "emulator.world"),
    (imports_point_inward, "engine/x.py", "import pushkit_cli.cli.text", "cli.text"),
    (imports_point_inward, "cli/x.py", "importlib.import_module('pushkit_cli.net.x')", "net.x"),
    (imports_point_inward, "testing/x.py", "import pushkit_cli.metrics", "pushkit_cli.metrics"),
    (imports_point_inward, "apns/x.py", "from pushkit_cli import __version__", "__version__"),
    (imports_point_inward, "apns/x.py", "from . import push", "a relative import"),
    (imports_point_inward, "apns/x.py", "from ..store import files", "a relative import"),
    (imports_point_inward, "attic/x.py", "", "no room is called attic"),
    (imports_point_inward, "errors.py", "import pushkit_cli.apns", "pushkit_cli.apns"),
    (imports_point_inward, "__init__.py", "import pushkit_cli.errors", "pushkit_cli.errors"),
    *((imports_point_inward, "cli/x.py", f"import pushkit_cli.{room}.x", f"pushkit_cli.{room}")
      for room in ("net", "store", "wire", "emulator", "phone", "testing")),
    *((pure_rooms_are_pure, f"{room}/x.py", "import os", "imports os") for room in sorted(PURE)),
    *((pure_rooms_are_pure, "apns/x.py", f"import {module}", f"imports {module}")
      for module in sorted(IMPURE_MODULES)),
    *((pure_rooms_are_pure, "apns/x.py", f"{call}()", f"uses {call}")
      for call in sorted(IMPURE_CALLS | IMPURE_NAMES)),
    (pure_rooms_are_pure, "apns/x.py", "def f():\n    from os.path import join", "os.path.join"),
    (pure_rooms_are_pure, "apns/x.py", "from uuid import uuid4", "uuid.uuid4"),
    (pure_rooms_are_pure, "apns/x.py", "import datetime\ndatetime.datetime.now()", "datetime.now"),
    (pure_rooms_are_pure, "apns/x.py", "clock = datetime.now", "datetime.now"),
    (pure_rooms_are_pure, "apns/x.py", "from random import Random", "random.Random"),
    (pure_rooms_are_pure, "apns/x.py", "if TYPE_CHECKING:\n    from random import choice",
     "random.choice"),
    (pure_rooms_are_pure, "apns/x.py", "if TYPE_CHECKING:\n    from pathlib import Path",
     "pathlib.Path"),
    (pure_rooms_are_pure, "apns/push.py", "import jwt", "imports jwt"),
    (pure_rooms_are_pure, "phone/token.py", "from cryptography import x509", "cryptography"),
    (libraries_stay_in_their_rooms, "net/x.py", "from h2.config import H2Configuration", "h2"),
    (libraries_stay_in_their_rooms, "net/x.py", "import hpack", "hpack"),
    (libraries_stay_in_their_rooms, "wire/x.py", "import h2.connection", "h2"),
    (libraries_stay_in_their_rooms, "wire/x.py", "import hyperframe.frame", "hyperframe"),
    (libraries_stay_in_their_rooms, "engine/x.py", "import fcntl", "fcntl"),
    (libraries_stay_in_their_rooms, "store/x.py", "import pwd", "pwd"),
    (libraries_stay_in_their_rooms, "net/x.py", "import signal", "signal"),
    (libraries_stay_in_their_rooms, "cli/x.py", "import resource", "resource"),
    (libraries_stay_in_their_rooms, "store/files.py", "import threading", "threading"),
    (libraries_stay_in_their_rooms, "store/x.py", "from time import sleep", "time"),
    (libraries_stay_in_their_rooms, "cli/x.py", "import asyncio", "asyncio"),
    (libraries_stay_in_their_rooms, "testing/x.py", "import subprocess", "subprocess"),
    (libraries_stay_in_their_rooms, "net/sender.py", "import httpx", "httpx"),
    (libraries_stay_in_their_rooms, "engine/x.py", "from rich.table import Table", "rich"),
    (only_the_front_room_prints, "engine/x.py", "def f():\n    print(1)", "calls print"),
    (files_are_short, "apns/x.py", "x = 1\n" * MAX_LINES, "401 lines"),
    (commands_are_short, "cli/x.py", f"@click.command()\ndef send():\n{LONG}", "send has 41"),
    (commands_are_short, "cli/x.py", f"@app.command('x')\ndef send():\n{LONG}", "send has 41"),
    (commands_are_short, "cli/x.py", f"@o.bundle\n@device.command\ndef go():\n{LONG}", "go has 41"),
)  # fmt: skip


@pytest.mark.parametrize(("rule", "path", "source", "said"), BROKEN)
def test_a_broken_rule_is_found(rule: Rule, path: str, source: str, said: str) -> None:
    found = list(rule(File(path, DOC + source)))
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("source", ["", "x = 1", '"""No period"""', '"""Two\nlines."""'])
def test_a_module_that_does_not_say_what_it_is_is_found(source: str) -> None:
    assert len(list(modules_say_what_they_are(File("apns/x.py", source)))) == 1


KEPT: tuple[tuple[str, str], ...] = (
    ("cli/app.py", "from pushkit_cli import __version__\nimport rich\nprint()"),
    ("cli/x.py", f"@click.command()\ndef f():\n    '''{chr(10) * 60}'''\n{LONG[10:]}"),
    ("cli/x.py", f"@cached\ndef f():\n{LONG}"),
    ("engine/x.py", "import asyncio, time\nfrom pushkit_cli.apns.push import Push\nopen('x')"),
    ("engine/host.py", "import fcntl, pwd, resource, signal, subprocess"),
    ("store/files.py", "import fcntl, os\nfrom pushkit_cli.errors import StoreError"),
    ("net/rest.py", "import httpx, ssl, cryptography"),
    ("wire/x.py", "import hpack.table\nfrom pushkit_cli.errors import PushkitError"),
    ("emulator/x.py", "if TYPE_CHECKING:\n    from random import Random"),
    ("emulator/x.py", "import typing\nif typing.TYPE_CHECKING:\n    from random import Random"),
    ("emulator/x.py", "import pushkit_cli.phone.x, pushkit_cli.apns.x, pushkit_cli.emulator.y"),
    ("apns/token.py", "def f():\n    import jwt, cryptography\n    from uuid import UUID"),
    ("apns/x.py", "import datetime\nself.now()\nnow()\ndatetime.fromtimestamp(0)"),
    ("apns/x.py", "x = 1\n" * (MAX_LINES - 1)),
    ("apns/x.py", "import timeit_like, ossify, richer, h2o"),
)  # fmt: skip


@pytest.mark.parametrize(("path", "source"), KEPT)
def test_what_is_allowed_is_not_found(path: str, source: str) -> None:
    file = File(path, DOC + source)
    assert [said for rule in RULES for said in rule(file)] == []


def test_the_table_of_imports_has_no_way_back() -> None:
    for room, reaches in MAY_IMPORT.items():
        assert room not in reaches
        assert "cli" not in reaches
    below = set(_NEXT) - {"engine", "testing", "metrics"}
    assert MAY_IMPORT["testing"] == below | {"engine"}
    assert MAY_IMPORT["engine"] == below | {ROOT_MODULE}
    assert MAY_IMPORT["store"] == {"apns", "errors"}
    assert MAY_IMPORT["net"] == {"wire", "apns", "errors"}
