"""Planted secrets: none may appear in output, in an argument, or in a file but the keystore's."""

import base64
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pushkit_cli.apns.message import AUTHORIZATION, Response
from tests.cli.credentials import APP, KEY, TEAM, TOKEN, new_key, p8, p8_file, p12, push_certificate
from tests.cli.errands import files_below, prepared
from tests.cli.hosts import RawHost, always, connect_proxy, raw_host, silence
from tests.commands import PATIENCE_S, PUSHKIT, listening, pushkit
from tests.export_service import PROCESSING, Pair, requested, said, serving

_OK = Response(status=200)
_EXPORT = "canary-export-token-7c1f0e"
_PROXY_PASSWORD = "canary-proxy-5b2a99"
_PASSWORD = "canary-certificate-password-91d3"
_PROJECT_SECRET = "canary-project-e60b17"
_HOOK = "canary-hook-secret-44ab12"
_CERT_APP = "com.example.certificate"
_SEND = ("send", "--type", "voip", "--to", TOKEN, "--app", APP, "--env", "sandbox", "-d",
    "callUUID=x", "--retries", "0", "--timeout", "3s")  # fmt: skip


@dataclass
class World:
    """A home full of secrets, and what each command that ran here wrote."""

    home: Path
    folder: Path
    variables: dict[str, str]
    secrets: dict[str, list[bytes]]
    outputs: list[tuple[str, bytes]] = field(default_factory=list)

    def run(
        self,
        *arguments: str,
        code: int = 0,
        stdin: bytes = b"",
        also: Mapping[str, str] | None = None,
    ) -> None:
        """Run a command as talkative as it can be: for a person and, or if it fails, a script."""
        said = {**self.variables, "PUSHKIT_DEBUG": "1", **(also or {})}
        person, script = ("-v", *arguments), ("-v", "--json", *arguments)
        for way in (person, script) if code == 0 else (script,):  # a failure is said in both forms
            done = pushkit(*way, stdin=stdin, variables=said)
            assert done.returncode == code, done.stderr
            self.outputs.append((" ".join(way), done.stdout + done.stderr))

    def heard(self, host: RawHost) -> None:
        """Every provider token that left counts as a secret as well."""
        for request in host.asked:
            token = request.fields.get(AUTHORIZATION, b"").removeprefix(b"bearer ")
            if token:
                self.secrets["a minted token"] += [token, token.split(b".")[2]]

    def leaks(self) -> list[tuple[str, str]]:
        """Where a secret stands and should not: which one, and in what."""
        wanted = [(name, form) for name, forms in self.secrets.items() for form in forms]
        assert all(len(form) >= 12 for _, form in wanted)
        shown = [(n, what) for what, text in self.outputs for n, form in wanted if form in text]
        kept = [
            (name, str(path))
            for path in files_below(self.home)
            if not _is_a_drawer(path.relative_to(self.home))
            for name, form in wanted
            if form in path.read_bytes()
        ]
        return shown + kept


def _is_a_drawer(path: Path) -> bool:
    return (
        "keystore" in path.parts
        or path.parts[0] == "tokens"
        or (path.parts[0] == "local" and path.name.startswith(("AuthKey_", "server.key")))
    )


def _forms(*secrets: bytes) -> list[bytes]:
    """A secret as it is, and as a careless program may have written it."""
    return [form for one in secrets for form in (one, base64.b64encode(one), one.hex().encode())]


def _lines(pem: bytes) -> list[bytes]:
    body = [line for line in pem.splitlines() if line and not line.startswith(b"-----")]
    return [*_forms(*body), b"".join(body)]


@pytest.fixture
def world(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Nine secrets planted; at the end of the test none of them may have been let out."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    pem, other, key = p8(), p8(), new_key()
    (folder / "push.p12").write_bytes(p12(key, push_certificate(key, app=_CERT_APP),
        _PASSWORD.encode()))  # fmt: skip
    (folder / "password").write_text(_PASSWORD)
    (folder / "export").write_text(_EXPORT)
    made = World(
        home=home,
        folder=folder,
        variables={
            "PUSHKIT_HOOK_SECRET": _HOOK,
            "HTTPS_PROXY": f"http://user:{_PROXY_PASSWORD}@127.0.0.1:1",
        },
        secrets={
            "the registered key": _lines(pem),
            "the key in a variable": [*_lines(other), base64.b64encode(other)],
            "the certificate's password": _forms(_PASSWORD.encode()),
            "the certificate's key": _lines(p8(key)),
            "the kept token": [],
            "a minted token": [],
            "the proxy's password": _forms(
                _PROXY_PASSWORD.encode(), f"user:{_PROXY_PASSWORD}".encode()
            ),
            "the project's secret": _forms(_PROJECT_SECRET.encode()),
            "the export token": _forms(_EXPORT.encode()),
            "the hook's secret": _forms(_HOOK.encode()),
        },
    )
    file = str(p8_file(folder, pem=pem))
    made.variables["CANARY_KEY"] = other.decode()  # PUSHKIT_KEY, for those who want it
    prepared("register", "app", APP, "--team-id", TEAM, "--key", file)
    prepared("register", "app", _CERT_APP, "--team-id", TEAM, "--cert", "push.p12",
        "--password-file", "password")  # fmt: skip
    prepared("register", "export-token", "--app", APP, "--dataset", "delivery",
        "--token-file", "export")  # fmt: skip
    kept = prepared("token", "--app", APP, "--env", "sandbox").strip().encode()
    assert kept.count(b".") == 2
    made.secrets["the kept token"] = [kept, kept.split(b".")[2]]
    yield made
    assert made.leaks() == []


def _with_the_other_key(world: World) -> dict[str, str]:
    return {
        "PUSHKIT_KEY": world.variables["CANARY_KEY"],
        "PUSHKIT_TEAM_ID": TEAM,
        "PUSHKIT_KEY_ID": "VARIABLE01",
    }


def test_sending_lets_no_secret_out(world: World) -> None:
    with raw_host(world.folder, always(_OK)) as host:
        world.run(*_SEND, *host.trusted)
        world.run(*_SEND, *host.trusted, also=_with_the_other_key(world))
        world.run(*_SEND, *host.trusted, "--app", _CERT_APP)
        world.run(*_SEND, *host.trusted, "--dry-run")
        world.run(*_SEND, *host.trusted, "--as", "curl")
        world.heard(host)
    assert len(world.secrets["a minted token"]) == 4 * 2


def test_a_push_that_is_refused_lets_no_secret_out(world: World) -> None:
    for reason in (b"InvalidProviderToken", b"ExpiredProviderToken"):
        refusal = Response(status=403, body=b'{"reason":"%s"}' % reason)
        with raw_host(world.folder, always(refusal)) as host:
            world.run(*_SEND, *host.trusted, "--retries", "1", code=4)
            world.heard(host)


def test_a_push_that_fails_lets_no_secret_out(world: World) -> None:
    with raw_host(world.folder, silence) as host:
        trusted = host.trusted
        world.run(*_SEND, *trusted, code=8)
    world.run(*_SEND, *trusted, code=5)
    world.run(*_SEND, code=5)
    world.run(*_SEND, "--proxy", f"http://user:{_PROXY_PASSWORD}@127.0.0.1:1", code=5)
    world.run(*_SEND, code=2, also={"HTTPS_PROXY": f"http://user:{_PROXY_PASSWORD}[@h:1"})
    for answer in (b"407 Proxy Authentication Required", b"garbage"):
        with connect_proxy(refusal=answer) as refusing:
            said = {"HTTPS_PROXY": refusing.url(f"user:{_PROXY_PASSWORD}@")}
            world.run(*_SEND, code=5, also=said)
    world.run(*_SEND, code=6, also={**_with_the_other_key(world), "PUSHKIT_KEY": _HOOK})


def test_channels_let_no_secret_out(world: World) -> None:
    made = Response(status=201, headers=((b"apns-channel-id", b"bWFkZQ=="),))
    words = ("--app", APP, "--env", "sandbox", "--retries", "0", "--timeout", "3s")
    with raw_host(world.folder, always(made)) as host:
        world.run("channel", "create", *words, *host.trusted)
        world.run("channel", "show", "bWFkZQ==", *host.trusted, also=_with_the_other_key(world))
        world.run("channel", "delete", "bWFkZQ==", *host.trusted, "--app", _CERT_APP, "--no-lint")
        world.heard(host)
    refusal = Response(status=403, body=b'{"reason":"InvalidProviderToken"}')
    with raw_host(world.folder, always(refusal)) as host:
        world.run("channel", "list", *words, *host.trusted, code=4)
        world.heard(host)
    with raw_host(world.folder, silence) as host:
        world.run("channel", "create", *words, *host.trusted, code=8)
    world.run("channel", "list", *words, *host.trusted, code=5)
    world.run("channel", "list", *words, code=5)


def test_a_bug_in_front_of_a_reader_lets_no_secret_out(world: World) -> None:
    program = """
import sys
from pushkit_cli.cli import app
from pushkit_cli.engine import sending
def broken(endpoint, context, requests, *, timeout, proxy):
    raise ZeroDivisionError("a bug for the test")
sending.exchange = broken
app.main(sys.argv[1:])
"""
    for debug in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", program, "-v", *_SEND],
            capture_output=True,
            env={**os.environ, **world.variables, **_with_the_other_key(world),
                "PUSHKIT_DEBUG": debug},
            timeout=PATIENCE_S,
            check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert (b"Traceback" in done.stderr) is (debug == "1")
        world.outputs.append(("a bug", done.stdout + done.stderr))


def test_registering_lets_no_secret_out(world: World) -> None:
    file = f"AuthKey_{KEY}.p8"
    cert = ("register", "app", _CERT_APP, "--team-id", TEAM, "--cert", "push.p12")
    export = ("register", "export-token", "--app", APP, "--dataset", "delivery")
    world.run("register", "key", file, "--team-id", TEAM)
    world.run("register", "key", file, "--team-id", "OTHERTEAM1", code=6)
    world.run("register", "key", file, "--team-id", KEY, code=6)
    world.run(*cert, code=6)
    world.run(*cert, "--password-file", "export", code=6)
    world.run(*export, "--token-file", "password", code=6)
    world.run(*export, "--token-file", "-", code=6, stdin=f"two {_EXPORT} words".encode())
    world.run(*export, "--token-file", "nowhere", code=2)
    world.run("register", "use-key", KEY, "--team-id", TEAM, "--env", "sandbox")


def test_looking_lets_no_secret_out(world: World) -> None:
    said = _with_the_other_key(world)
    world.run("register", "list")
    for kind, name in (("app", _CERT_APP), ("key", KEY), ("export-token", f"{APP}/delivery")):
        world.run("register", "show", kind, name)
    world.run("register", "show", "key", "none", code=2)
    world.run("config", "show", "--origin", also=said)
    world.run("config", "path", also=said)
    world.run("env", code=6, also=said)
    world.run("ready", "--timeout", "1ms", code=124, also=said)
    world.run("token", "--app", _CERT_APP, "--env", "sandbox", code=6)
    world.run("token", "--app", "com.example.none", "--env", "production", code=6)
    world.run("nothing", code=2)


def test_removing_leaves_no_secret(world: World) -> None:
    for kind, name in (("app", _CERT_APP), ("key", KEY), ("export-token", f"{APP}/delivery")):
        prepared("register", "remove", kind, name)
    gone = ("the registered key", "the certificate's key", "the kept token", "the export token")
    content = b"".join(path.read_bytes() for path in files_below(world.home))
    for name in gone:
        assert not [form for form in world.secrets[name] if form in content], name


@pytest.mark.parametrize(
    "text",
    [
        f'[keys.{KEY}]\nteam_id = "{TEAM}"\nprivate_key = "{_PROJECT_SECRET}"',
        f'provider_token = "{_PROJECT_SECRET}"',
        f'password = ["{_PROJECT_SECRET}"]',
        f'environment = "local"\n-----BEGIN PRIVATE KEY-----\n{_PROJECT_SECRET}',
        f'[apps.x]\nteam_id = "T"\ntoken = "{_PROJECT_SECRET}"',
        f'secret = "{_PROJECT_SECRET}\n',
    ],
)
def test_a_secret_in_a_project_is_not_repeated(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "pushkit.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    for words in (("register", "list"), ("config", "show", "--origin")):
        done = pushkit("-v", "--json", *words, variables={"PUSHKIT_DEBUG": "1"})
        assert done.returncode == 6
        assert _PROJECT_SECRET.encode() not in done.stdout + done.stderr


def test_a_listener_and_a_demonstration_let_no_secret_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in world.variables.items():
        monkeypatch.setenv(name, value)
    world.run("demo", also={"TMPDIR": str(world.folder)})
    events = world.folder / "events.ndjson"
    with listening("--port", "0", "--events", str(events)) as (process, ready):
        world.run("env")
        world.run("send", "--type", "voip")
        kept = pushkit("token").stdout.strip()
        world.secrets["a minted token"] += [kept, kept.split(b".")[2]]
        world.secrets["the local key"] = _lines(Path(ready["key_file"]).read_bytes())
        assert world.leaks() == []  # while it runs, with its write-ahead logs
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)
    world.outputs += [("listen", out + err), ("--events", events.read_bytes())]


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="there is no /proc here")
def test_no_secret_stands_in_an_argument(world: World) -> None:
    said = {**os.environ, **world.variables, **_with_the_other_key(world)}
    with raw_host(world.folder, silence) as host:
        words = (*_SEND[:-2], "--timeout", "30s", *host.trusted)
        process = subprocess.Popen(
            [PUSHKIT, "-v", *words], env=said, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert host.has_a_request.wait(PATIENCE_S)  # it holds key, token and connection now
        found = list(_arguments())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    world.outputs.append(("interrupted", out + err))
    assert any(str(PUSHKIT).encode() in one for one in found)
    world.outputs += [("an argument", one) for one in found]


def _arguments() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:  # it has ended since
            continue


def test_a_secret_that_gets_out_is_found(home: Path, tmp_path: Path) -> None:
    home.mkdir()
    secrets = {"one": _forms(b"a secret of the test"), "two": _lines(p8())}
    world = World(home=home, folder=tmp_path, variables={}, secrets=secrets)
    assert world.leaks() == []
    world.outputs.append(("send", b"error: " + base64.b64encode(b"a secret of the test")))
    (home / "sender.db").write_bytes(secrets["two"][0])
    (home / "tokens").mkdir()
    (home / "tokens" / "x.jwt").write_bytes(secrets["two"][0])
    assert world.leaks() == [("one", "send"), ("two", str(home / "sender.db"))]


def test_under_an_open_umask_nothing_in_the_home_is_for_others(home: Path, tmp_path: Path) -> None:
    def run(*arguments: str, stdin: bytes = b"") -> None:
        process = subprocess.Popen(
            [PUSHKIT, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            umask=0,
        )
        _, err = process.communicate(stdin, timeout=PATIENCE_S)
        assert process.returncode == 0, err

    key = new_key()
    cert = tmp_path / "push.pem"
    cert.write_bytes(push_certificate(key) + p8(key))
    run("register", "key", "-", "--team-id", TEAM, "--key-id", KEY, stdin=p8())
    run("register", "app", APP, "--team-id", TEAM, "--cert", str(cert))
    run("register", "export-token", "--app", APP, "--dataset", "delivery", "--token-file", "-",
        stdin=_EXPORT.encode())  # fmt: skip
    run("register", "device", "alice", "--app", "com.example.pushkit", "--type", "voip")
    listen = subprocess.Popen(
        [PUSHKIT, "listen", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        umask=0,
    )
    assert listen.stdout is not None
    assert listen.stdout.readline()
    run("send", "--type", "voip", "--to", "iphone")
    assert _open_to_others(home) == []  # with the write-ahead logs of a running listener
    listen.send_signal(signal.SIGINT)
    listen.communicate(timeout=PATIENCE_S)
    assert _open_to_others(home) == []
    assert len(list(home.rglob("*"))) > 15


def _open_to_others(home: Path) -> list[str]:
    return [
        f"{path} {stat.filemode(path.stat().st_mode)}"
        for path in (home, *home.rglob("*"))
        if path.stat().st_mode & 0o077
    ]


def test_exports_let_no_secret_out(world: World) -> None:
    refused, elsewhere = said({"reason": "no"}, status=401), requested("https://evil.example/x")
    ends = {0: Pair(), 4: Pair(requests=[refused, elsewhere]), 124: Pair(statuses=[PROCESSING])}
    for code, pair in ends.items():
        with serving(world.folder / str(code), pair) as up:
            way = ("--endpoint", up.service.url, "--cacert", str(up.service.ca_file))
            words = ("--app", APP, "--team-id", TEAM, "--timeout", "50ms", *way)
            for _ in range(2):
                world.run("export-metrics", *words, code=code)
            assert (up.tokens_seen[0] > 0, up.tokens_seen[1]) == (True, 0)
