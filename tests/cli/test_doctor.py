"""`pushkit doctor`: each seeded misconfiguration is named, and nothing else is."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns import token
from pushkit_cli.engine import host
from pushkit_cli.store.files import Home
from pushkit_cli.store.keystore import Drawer
from tests.cli.credentials import APP, KEY, TEAM, new_key, p8, p8_file, push_certificate, wrong_keys
from tests.cli.errands import Done, here, prepared
from tests.commands import objects

Variables = dict[str, str]
IDS = {"PUSHKIT_TEAM_ID": TEAM, "PUSHKIT_KEY_ID": KEY}


def problems(done: Done) -> list[dict[str, Any]]:
    """What was found; the last object agrees with it, and with the exit code."""
    *found, last = objects(done.stdout)
    wrong = [one for one in found if one["level"] == "problem"]
    assert (last["event"], last["problems"], last["exit"]) == (
        "diagnosis",
        len(wrong),
        done.returncode,
    )
    return wrong


@dataclass(frozen=True)
class Seed:
    """One thing that is wrong: how it came about, and what is to be said of it."""

    name: str
    plant: Callable[[Path], Variables | None]
    check: str
    words: tuple[str, ...]
    exit: int = 6
    arguments: tuple[str, ...] = field(default=())


def _registered(folder: Path) -> Path:
    """A sound set-up: a key, an app; the home."""
    prepared("register", "key", str(p8_file(folder)), "--team-id", TEAM)
    prepared("register", "app", APP, "--team-id", TEAM, "--key-id", KEY)
    return folder / "home"


def _book(folder: Path, before: str, after: str) -> None:
    file = _registered(folder) / "profiles/default/pushkit.toml"
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def _drawer(folder: Path) -> Drawer:
    return Drawer(Home(folder / "home"))


def _stateless(folder: Path, *, name: str = KEY, pem: bytes | None = None, **ids: str) -> Variables:
    return {"PUSHKIT_KEY_FILE": str(p8_file(folder, name, pem)), **IDS, **ids}


def _swapped_beside_the_book(folder: Path) -> Variables:
    _registered(folder)
    return {"PUSHKIT_KEY": p8().decode(), "PUSHKIT_TEAM_ID": KEY, "PUSHKIT_KEY_ID": TEAM}


def _wrong(kind: str) -> Callable[[Path], Variables]:
    return lambda folder: _stateless(folder, pem=wrong_keys()[kind])


def _open_key(folder: Path) -> Variables:
    said = _stateless(folder)
    Path(said["PUSHKIT_KEY_FILE"]).chmod(0o644)
    return said


def _open_keystore(folder: Path) -> None:
    (_registered(folder) / f"profiles/default/keystore/{KEY}.pub").chmod(0o640)


def _open_home(folder: Path) -> None:
    _registered(folder).chmod(0o755)


def _lost_key(folder: Path) -> None:
    (_registered(folder) / f"profiles/default/keystore/AuthKey_{KEY}.p8").unlink()


def _project(text: str) -> Callable[[Path], None]:
    def plant(folder: Path) -> None:
        (folder / "pushkit.toml").write_text(text, encoding="utf-8")

    return plant


def _certificate(**said: Any) -> Callable[[Path], None]:
    """A certificate as it was on the day it was registered; then something has changed."""

    def plant(folder: Path) -> None:
        key = new_key()
        whole = folder / "push.pem"
        whole.write_bytes(push_certificate(key, days=90) + p8(key))
        prepared(
            "register", "app", APP, "--team-id", TEAM, "--cert", str(whole), "--env", "sandbox"
        )
        _drawer(folder).put_certificate(
            f"{APP}.sandbox", chain_pem=push_certificate(key, **said), key_pem=p8(key)
        )

    return plant


def _export_token(folder: Path) -> None:
    _registered(folder)
    claims = json.dumps({"exp": int(host.now()) - 60}).encode()
    _drawer(folder).put_export_token(APP, "delivery", token_of(claims))


def token_of(claims: bytes) -> str:
    """A JWT that nobody signed."""
    from base64 import urlsafe_b64encode

    return ".".join(urlsafe_b64encode(one).rstrip(b"=").decode() for one in (b"{}", claims, b"x"))


def _clock(folder: Path) -> None:
    kept = _registered(folder) / "tokens/from-tomorrow.jwt"
    text = token.mint(p8(), team_id=TEAM, key_id=KEY, now=host.now() + 86_400)
    Home(folder / "home").folder("tokens")
    Home(folder / "home").write("tokens/from-tomorrow.jwt", text.encode())
    assert kept.exists()


def _other_program(folder: Path) -> Variables:
    other = folder / "bin" / "pushkit"
    other.parent.mkdir()
    other.write_text("#!/usr/bin/python3\nfrom pushkit.main import main\nmain()\n")
    other.chmod(0o755)
    return {"PATH": str(other.parent)}


SEEDS = (
    Seed("ids swapped, by the key file's name",
         lambda f: _stateless(f, PUSHKIT_TEAM_ID=KEY, PUSHKIT_KEY_ID=TEAM), "key", ("swapped",)),
    Seed("ids swapped, by the book", _swapped_beside_the_book, "key", ("swapped", KEY, TEAM)),
    Seed("the same id twice", lambda f: _stateless(f, PUSHKIT_TEAM_ID=KEY), "key", ("the same",)),
    Seed("an id that is none", lambda f: _stateless(f, PUSHKIT_TEAM_ID="mine"), "key",
         ("mine is no team id",)),
    Seed("another key id than the file's", lambda f: _stateless(f, name="ZZZ123ZZZZ"), "key",
         ("ZZZ123ZZZZ",)),
    Seed("a key without ids", lambda _: {"PUSHKIT_KEY": p8().decode()}, "key",
         ("PUSHKIT_TEAM_ID and PUSHKIT_KEY_ID must be set",)),
    Seed("a key file that is gone", lambda f: {**IDS, "PUSHKIT_KEY_FILE": str(f / "gone.p8")},
         "key", ("gone.p8 cannot be read",)),
    *(Seed(f"a key that is none: {kind}", _wrong(kind), "key", words) for kind, words in (
        ("P-384", ("P-256",)), ("RSA", ("P-256",)), ("encrypted", ("encrypted",)),
        ("certificate", ("certificate",)), ("public", ("public key",)), ("torn", ("damaged",)),
        ("garbage", ()), ("empty", ()))),
    Seed("a key file for everybody", _open_key, "key", ("mode 0644",), exit=7),
    Seed("a keystore file for the group", _open_keystore, "home", ("mode 0640",), exit=7),
    Seed("a home for everybody", _open_home, "home", ("mode 0755",)),
    Seed("a registered key whose file is gone", _lost_key, "key", (KEY, "not in the keystore")),
    Seed("a profile that is no TOML", lambda f: _book(f, "[", "(("), "profile", ("not TOML",)),
    Seed("a secret in the project's file",
         _project("key = '-----BEGIN PRIVATE KEY-----'"), "project", ("holds a secret",)),
    Seed("a typo in the project's file", _project('enviroment = "sandbox"'), "project",
         ("enviroment",)),
    Seed("an app whose key is not registered",
         lambda f: _book(f, f'key_id = "{KEY}"', 'key_id = "ZZZ123ZZZZ"'), "app",
         ("ZZZ123ZZZZ, which is not registered",)),
    Seed("an app of another team than its key's", lambda f: _book(
        f, f'[apps."{APP}"]\nteam_id = "{TEAM}"', f'[apps."{APP}"]\nteam_id = "OTHER12345"'),
        "app", ("OTHER12345", TEAM)),
    Seed("a key of the other environment",
         lambda f: _book(f, '    "sandbox",\n', ""), "app", ("in sandbox, and it is for prod",)),
    Seed("a key of another app",
         lambda f: _book(f, "topics = []", 'topics = ["com.example.other"]'), "app",
         ("com.example.other",)),
    Seed("a certificate that has ended", _certificate(days=-1), "certificate", ("it ended on",)),
    Seed("a certificate of another app",
         _certificate(days=90, app="com.example.other", topics=("com.example.other",)),
         "certificate", ("it is for com.example.other",)),
    Seed("a certificate of the other environment",
         _certificate(days=90, environments=("production",)), "certificate",
         ("it is not for sandbox",)),
    Seed("an export token that has expired", _export_token, "export-token", ("has expired",)),
    Seed("a clock that went back", _clock, "clock", ("this machine says",), exit=7),
    Seed("another program of that name", _other_program, "path", ("another program",), exit=7),
)  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_a_seeded_misconfiguration_is_named_and_nothing_else(
    seed: Seed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    variables = seed.plant(tmp_path)
    done = here("doctor", "--json", *seed.arguments, variables=variables)
    found = problems(done)
    assert [one["check"] for one in found] == [seed.check], found
    for word in seed.words:
        assert word in found[0]["what"], found
    assert found[0]["why"]
    assert found[0]["remedy"]
    assert done.returncode == seed.exit


def _everything(folder: Path) -> None:
    _certificate(days=90)(folder)
    prepared("register", "key", str(p8_file(folder)), "--team-id", TEAM)
    prepared("register", "app", "com.example.other", "--team-id", TEAM, "--key-id", KEY)
    claims = json.dumps({"exp": int(host.now()) + 90 * 86_400}).encode()
    _drawer(folder).put_export_token(APP, "delivery", token_of(claims))
    _project(f'[apps."com.example.third"]\nteam_id = "{TEAM}"\nkey_id = "{KEY}"')(folder)


@pytest.mark.parametrize(
    "plant",
    [lambda _: None, _registered, _stateless, _everything],
    ids=["nothing", "registered", "stateless", "everything"],
)
def test_a_sound_set_up_is_said_to_be_so(
    plant: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    variables = plant(tmp_path)
    done = here("doctor", "--json", variables=variables if isinstance(variables, dict) else None)
    assert problems(done) == []
    assert done.returncode == 0


def test_looking_makes_no_home(home: Path) -> None:
    assert here("doctor").returncode == 0
    assert not home.exists()


def test_of_one_app_no_other_is_told(tmp_path: Path) -> None:
    _book(tmp_path, f'key_id = "{KEY}"', 'key_id = "ZZZ123ZZZZ"')
    assert here("doctor", "--app", APP).returncode == 6
    assert here("doctor", "--app", "com.example.other").returncode == 0


def test_a_key_that_another_app_signs_with_is_not_told(tmp_path: Path) -> None:
    _lost_key(tmp_path)
    assert here("doctor").returncode == 6
    assert here("doctor", "--app", "com.example.other").returncode == 0


@pytest.mark.parametrize(
    "text", ["exec pyenv exec pushkit", "from pushkit_cli.cli.app import main"]
)
def test_what_leads_to_this_program_is_no_other(text: str, tmp_path: Path) -> None:
    variables = _other_program(tmp_path)
    (tmp_path / "bin" / "pushkit").write_text(f"#!/bin/sh\n{text}\n")
    done = here("doctor", "--json", variables=variables)
    assert problems(done) == []
    assert "comes first on PATH" in done.stdout.decode()


def test_a_person_is_told_why_and_what_to_do(tmp_path: Path) -> None:
    done = here("doctor", variables=_open_key(tmp_path))
    said = " ".join(done.stdout.decode().split())
    assert "problem key: PUSHKIT_KEY_FILE: other users may open" in said
    assert "why who can read a key can push" in said
    assert f"do chmod 600 {tmp_path}" in said
    assert said.endswith("1 problem")
    assert max(map(len, here("doctor").stdout.decode().splitlines())) <= 120
    assert b"PRIVATE KEY" not in done.stdout


def test_a_key_is_never_shown(tmp_path: Path) -> None:
    pem = p8().decode()
    for variables in ({"PUSHKIT_KEY": pem}, {"PUSHKIT_KEY": pem, **IDS}):
        done = here("doctor", "--json", variables=variables)
        assert pem.splitlines()[1].encode() not in done.stdout + done.stderr
