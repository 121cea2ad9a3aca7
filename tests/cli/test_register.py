"""`pushkit register`: devices, export tokens, a change of keys, and what list, show, remove say."""

import os
from pathlib import Path

import pytest

from tests.cli.credentials import APP, KEY, TEAM, TOKEN, p8, p8_file
from tests.cli.errands import failed, here, holding, left_behind, prepared, spoken
from tests.cli.typist import type_in_pty
from tests.commands import PUSHKIT, objects
from tests.pty_run import stray_controls

_DEVICE = ("register", "device", "bob", "--app", APP, "--type", "voip", "--env", "sandbox")
_EXPORT = ("register", "export-token", "--app", APP, "--dataset", "delivery")
_SECRET = "an-export-token.of-the.tests-0123456789"


# Devices


def test_a_real_device_is_written_down(home: Path) -> None:
    done = here(*_DEVICE, "--token", TOKEN.upper(), "--json")
    said = objects(done.stdout)[0]
    assert (said["event"], said["name"]) == ("registered", "bob")
    assert TOKEN not in done.stdout.decode().lower()
    assert here(*_DEVICE, "--token", TOKEN).stdout == b"unchanged  device  bob\n"
    shown = here("register", "show", "device", "bob").stdout.decode()
    assert "abab…abab" in shown or "abab..abab" in shown
    assert TOKEN not in shown
    assert said["token_fp"] in here("register", "show", "device", "bob", "--json").stdout.decode()


def test_a_token_may_be_base64(home: Path) -> None:
    assert here(*_DEVICE, "--token", "q6urq6urq6urq6urq6urqw==").returncode == 0
    assert holding(home, b"ab" * 16) != []


def test_another_token_needs_replace(home: Path) -> None:
    prepared(*_DEVICE, "--token", TOKEN)
    done = here(*_DEVICE, "--token", "cd" * 32)
    assert "another device bob" in failed(done, 6)
    assert here(*_DEVICE, "--token", "cd" * 32, "--replace").stdout.startswith(b"replaced")
    assert holding(home, TOKEN.encode()) == []


def test_a_device_has_a_token_for_each_type(home: Path) -> None:
    prepared(*_DEVICE, "--token", TOKEN)
    more = [word.replace("voip", "alert") for word in _DEVICE]
    assert here(*more, "--token", "cd" * 32).stdout.startswith(b"registered")
    shown = objects(here("register", "show", "device", "bob", "--json").stdout)[0]
    assert set(shown["tokens"]) == {"voip", "alert"}
    assert shown["recorded"].startswith("20")


@pytest.mark.parametrize("name", [TOKEN, "AB" * 16, "Alices-iPhone-15-Pro-Max", "q6ur" * 8])
@pytest.mark.parametrize("token", [["--token", TOKEN], []])
def test_a_name_may_not_look_like_a_token(home: Path, name: str, token: list[str]) -> None:
    words = ["register", "device", name, "--app", APP, "--type", "voip", "--env", "sandbox"]
    assert "looks like a token" in failed(here(*words, *token), 2)
    assert not home.exists()


@pytest.mark.parametrize("name", ["", " ", "a b", "a\nb", "-x", "a/b", "bob@app", "x" * 65])
def test_a_name_can_be_said_to_other_commands(home: Path, name: str) -> None:
    words = ("--app", APP, "--type", "voip", "--", name)
    assert "cannot name a device" in failed(here("register", "device", *words), 2)
    assert not home.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--app", APP, "--type", "voip", "--token", TOKEN], 2, "belongs to one environment"),
        (["--app", APP, "--token", TOKEN, "--env", "sandbox"], 2, "for one push type"),
        (["--app", APP, "--type", "voip", "--token", "xyz", "--env", "sandbox"], 2, "neither hex"),
        (["--app", APP, "--type", "viop"], 2, "no push type is called viop"),
        (["--app", APP, "--type", "viop", "--token", TOKEN, "--env", "sandbox"], 2, "called viop"),
        (["--app", f"{APP}.voip", "--type", "voip"], 2, "that is a topic"),
        (["--app", APP, "--platform", "tvos"], 2, "no platform is called tvos"),
        (["--app", APP, "--type", "voip", "--platform", "watchos"], 2, "has no voip tokens"),
        (["--type", "voip"], 2, "--app"),
    ],
)
def test_a_mistake_about_a_device_is_named(arguments: list[str], code: int, words: str) -> None:
    assert words in failed(here("register", "device", "bob", *arguments), code)


def test_an_emulated_device_comes_with_its_tokens(home: Path) -> None:
    words = ("register", "device", "alice", "--app", APP, "--type", "voip", "--type", "alert")
    first = objects(here(*words, "--json").stdout)[0]
    assert (first["event"], set(first["tokens"])) == ("registered", {"voip", "alert"})
    again = objects(here(*words, "--json").stdout)[0]
    assert (again["event"], again["tokens"]) == ("unchanged", first["tokens"])
    assert first["tokens"]["voip"] in here(*words).stdout.decode()


# Export tokens


def test_an_export_token_comes_from_a_file_and_is_never_shown(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{_SECRET}\n")
    assert here(*_EXPORT, "--token-file", str(file)).stdout.startswith(b"registered")
    assert here(*_EXPORT, "--token-file", str(file)).stdout.startswith(b"unchanged")
    done = here(*_EXPORT, "--token-file", "-", stdin=b"another-token-0123456789")
    assert "another export-token" in failed(done, 6)
    for words in (["list"], ["show", "export-token", f"{APP}/delivery"], ["list", "--json"]):
        done = here("register", *words)
        assert APP in done.stdout.decode()
        assert _SECRET not in done.stdout.decode() + done.stderr.decode()
    assert len(holding(home, _SECRET.encode())) == 1
    assert here("register", "remove", "export-token", f"{APP}/delivery").returncode == 0
    assert holding(home, _SECRET.encode()) == []


@pytest.mark.parametrize("content", [b"", b" \n", b"two words here", b"short", b"\xff" * 20])
def test_what_is_no_export_token_is_refused(home: Path, content: bytes) -> None:
    done = here(*_EXPORT, "--token-file", "-", stdin=content)
    assert "no data export token" in failed(done, 6)


def test_an_export_token_is_typed_unseen(home: Path) -> None:
    argv = [str(PUSHKIT), *_EXPORT]
    ran = type_in_pty(argv, env=os.environ, prompt=b"Data export token", typed=b"%s\n" % (
        _SECRET.encode()))  # fmt: skip
    assert ran.code == 0, ran.output
    assert _SECRET.encode() not in ran.output
    assert b"registered  export-token" in ran.output
    assert stray_controls(ran.output) == []
    assert len(holding(home, _SECRET.encode())) == 1


def test_nobody_is_there_to_type_an_export_token() -> None:
    assert "nobody is there to type it" in failed(here(*_EXPORT), 2)


def test_an_export_token_is_no_argument() -> None:
    assert "No such option" in failed(here(*_EXPORT, "--token", _SECRET), 2)


# Another key for a whole team


def test_use_key_changes_every_app_of_the_team_and_no_other(home: Path, tmp_path: Path) -> None:
    new, foreign = "XYZ123XYZ1", "FOREIGN123"
    prepared("register", "app", "com.a", "--team-id", TEAM, "--key", str(p8_file(tmp_path)))
    prepared("register", "app", "com.b", "--team-id", TEAM, "--key-id", KEY)
    other = str(p8_file(tmp_path, foreign))
    prepared("register", "app", "com.c", "--team-id", "OTHERTEAM1", "--key", other)
    prepared("register", "key", str(p8_file(tmp_path, new)), "--team-id", TEAM)
    done = here("register", "use-key", new, "--team-id", TEAM, "--env", "sandbox", "--json")
    assert [one["name"] for one in objects(done.stdout)] == ["com.a", "com.b"]
    listed = objects(here("register", "list", "--json").stdout)
    apps = {one["name"]: one for one in listed if one["kind"] == "app"}
    assert (apps["com.a"]["sandbox"], apps["com.a"]["production"]) == (new, KEY)
    assert (apps["com.b"]["sandbox"], apps["com.c"]["sandbox"]) == (new, foreign)


def test_use_key_drops_the_provider_token_that_was_kept(home: Path, tmp_path: Path) -> None:
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)))
    kept = here("token", "--app", APP, "--env", "sandbox").stdout.strip()
    assert len(holding(home, kept)) == 1
    prepared("register", "use-key", KEY, "--team-id", TEAM, "--env", "sandbox")
    assert holding(home, kept) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["NOSUCHKEY1", "--team-id", TEAM, "--env", "sandbox"], "no key NOSUCHKEY1"),
        ([KEY, "--team-id", "OTHERTEAM1", "--env", "sandbox"], f"belongs to team {TEAM}"),
        ([KEY, "--team-id", TEAM, "--env", "production"], "is not for production"),
    ],
)
def test_use_key_refuses_what_cannot_be(tmp_path: Path, arguments: list[str], words: str) -> None:
    file = str(p8_file(tmp_path))
    prepared("register", "key", file, "--team-id", TEAM, "--env", "sandbox")
    assert words in failed(here("register", "use-key", *arguments), 6)


def test_use_key_says_when_there_is_no_app(tmp_path: Path) -> None:
    prepared("register", "key", str(p8_file(tmp_path)), "--team-id", TEAM)
    done = here("register", "use-key", KEY, "--team-id", TEAM, "--env", "sandbox")
    assert done.returncode == 0
    assert "nothing changed" in spoken(done)


# List, show, remove


def test_a_removed_key_leaves_no_copy_and_no_token_it_signed(home: Path, tmp_path: Path) -> None:
    old, new = p8(), p8()
    tokens = []
    for pem in (old, new):  # the second takes the first one's place
        file = str(p8_file(tmp_path, pem=pem))
        words = ("register", "app", APP, "--team-id", TEAM, "--key", file, "--replace")
        assert here(*words).returncode == 0
        tokens.append(here("token", "--app", APP, "--env", "production").stdout.strip())
    assert len(set(tokens)) == 2
    assert here("register", "remove", "key", KEY).stdout == f"removed  key  {KEY}\n".encode()
    for secret in (*tokens, *(line for pem in (old, new) for line in pem.splitlines()[1:-1])):
        assert holding(home, secret) == []
    assert "no key" in failed(here("register", "show", "key", KEY), 2)
    assert left_behind(home) == []


@pytest.mark.parametrize("kind", ["app", "key", "device", "export-token"])
def test_what_is_not_there_cannot_be_shown_or_removed(home: Path, kind: str) -> None:
    for words in ("show", "remove"):
        said = failed(here("register", words, kind, "nothing"), 2)
        assert f"no {kind} nothing is registered" in said


def test_an_empty_list_says_that_nothing_is_needed(home: Path) -> None:
    done = here("register", "list")
    assert (done.returncode, done.stdout) == (0, b"")
    assert "needs nothing" in spoken(done)
    assert not home.exists()


def test_a_list_holds_one_line_for_each_thing_and_no_secret(home: Path, tmp_path: Path) -> None:
    pem = p8()
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path, pem=pem)))
    here(*_DEVICE, "--token", TOKEN)
    here(*_EXPORT, "--token-file", "-", stdin=_SECRET.encode())
    prepared("register", "app", "com.example.local")
    text = here("register", "list").stdout.decode()
    assert [line.split()[0] for line in text.splitlines()] == [
        "app",
        "key",
        "device",
        "export-token",
        "app",
    ]
    found = objects(here("register", "list", "--json").stdout)
    assert [(one["event"], one["v"]) for one in found] == [("item", 1)] * 5
    for secret in (_SECRET, TOKEN, pem.splitlines()[1].decode()):
        assert secret not in text
        assert secret not in str(found)


@pytest.mark.parametrize("words", [["key"], ["app"], ["nothing"], ["use-key", KEY]])
def test_a_torn_command_is_a_mistake(words: list[str]) -> None:
    failed(here("register", *words), 2)
