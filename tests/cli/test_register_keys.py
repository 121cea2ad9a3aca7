"""`pushkit register key`: a good key is kept, and each classic mistake is called by its name."""

import stat
from pathlib import Path

import pytest

from tests.cli.credentials import APP, KEY, TEAM, new_key, p8, p8_file, wrong_keys
from tests.cli.errands import failed, here, holding, left_behind
from tests.commands import objects


def _register(file: Path, *more: str, team: str = TEAM) -> tuple[int, str]:
    done = here("register", "key", str(file), "--team-id", team, *more)
    return done.returncode, done.stdout.decode()


def test_a_key_is_registered_and_the_same_again_changes_nothing(home: Path, tmp_path: Path) -> None:
    file = p8_file(tmp_path)
    assert _register(file) == (0, f"registered  key  {KEY}\n")
    book = home / "profiles" / "default" / "pushkit.toml"
    before = book.stat().st_ino, book.read_bytes()
    assert _register(file) == (0, f"unchanged  key  {KEY}\n")
    assert (book.stat().st_ino, book.read_bytes()) == before


def test_a_kept_key_is_a_private_file_and_stands_nowhere_else(home: Path, tmp_path: Path) -> None:
    pem = p8()
    _register(p8_file(tmp_path, pem=pem))
    kept = home / "profiles" / "default" / "keystore" / f"AuthKey_{KEY}.p8"
    assert kept.read_bytes() == pem
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert holding(home, pem.splitlines()[1]) == [kept.relative_to(home).as_posix()]


def test_a_key_comes_from_standard_input_with_its_id(home: Path) -> None:
    done = here("register", "key", "-", "--team-id", TEAM, "--key-id", KEY, stdin=p8())
    assert (done.returncode, done.stdout) == (0, f"registered  key  {KEY}\n".encode())
    done = here("register", "key", "-", "--team-id", TEAM, stdin=p8())
    assert "the key id is not known" in failed(done, 6)


def test_another_key_of_the_same_id_needs_replace(home: Path, tmp_path: Path) -> None:
    first, second = p8(), p8()
    file = p8_file(tmp_path, pem=first)
    _register(file)
    file.write_bytes(second)
    done = here("register", "key", str(file), "--team-id", TEAM)
    assert "another key" in failed(done, 6)
    assert "--replace" in failed(done, 6)
    assert holding(home, first.splitlines()[1]) != []
    assert holding(home, second.splitlines()[1]) == []
    assert _register(file, "--replace") == (0, f"replaced  key  {KEY}\n")
    assert holding(home, first.splitlines()[1]) == []
    assert left_behind(home) == []


def test_another_scope_needs_replace_too(home: Path, tmp_path: Path) -> None:
    file = p8_file(tmp_path)
    assert _register(file, "--env", "sandbox", "--topic", APP)[0] == 0
    assert _register(file, "--env", "sandbox", "--topic", APP)[1].startswith("unchanged")
    assert _register(file, "--env", "both")[0] == 6
    assert _register(file, "--env", "sandbox")[0] == 6
    assert _register(file, team="OTHERTEAM1")[0] == 6
    assert _register(file, "--replace")[1].startswith("replaced")
    shown = objects(here("register", "show", "key", KEY, "--json").stdout)[0]
    assert shown["environments"] == "sandbox, production"
    assert shown["topics"] == "every app of the team"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        # The file is AuthKey_ABC123DEFG.p8.
        (["--team-id", KEY], "team id and key id are the same"),
        (["--team-id", KEY, "--key-id", KEY], "team id and key id are the same"),
        (["--team-id", KEY, "--key-id", TEAM], "are swapped: the file's name says that ABC123DEFG"),
        (["--team-id", TEAM, "--key-id", "XYZ123XYZ1"], "is said to be XYZ123XYZ1"),
        (["--team-id", "my team"], "my team is no team id"),
        (["--team-id", TEAM.lower()], "is no team id"),
        (["--team-id", TEAM + "K"], "is no team id"),
    ],
)
def test_ids_that_changed_places_are_named(
    home: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = here("register", "key", str(p8_file(tmp_path)), *arguments)
    assert words in failed(done, 6)
    assert not (home / "profiles" / "default" / "keystore").exists()


def test_ids_that_changed_places_beside_standard_input_are_seen_by_their_form(home: Path) -> None:
    done = here("register", "key", "-", "--team-id", TEAM, "--key-id", "key", stdin=p8())
    assert "key is no key id" in failed(done, 6)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("P-384", "secp384r1; APNs needs P-256"),
        ("RSA", "APNs needs P-256"),
        ("SEC1", "PKCS#8"),
        ("encrypted", "encrypted"),
        ("certificate", "certificate"),
        ("public", "it is a public key"),
        ("empty", "empty"),
        ("garbage", "not PEM"),
        ("torn", "damaged"),
        ("two keys", "not one key"),
    ],
)
def test_what_is_no_key_is_called_by_its_name(
    home: Path, tmp_path: Path, kind: str, words: str
) -> None:
    file = p8_file(tmp_path, pem=wrong_keys()[kind])
    for arguments in (
        ["register", "key", str(file), "--team-id", TEAM],
        ["register", "app", APP, "--team-id", TEAM, "--key", str(file)],
    ):
        said = failed(here(*arguments), 6)
        assert words in said
        assert file.name in said
    assert not (home / "profiles" / "default" / "keystore").exists()


def test_every_wrong_key_is_in_the_table() -> None:
    marks = test_what_is_no_key_is_called_by_its_name.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in marks[0].args[1]} == set(wrong_keys())


def test_a_file_that_is_not_there_and_a_team_that_is_not_said(tmp_path: Path) -> None:
    done = here("register", "key", str(tmp_path / "AuthKey_X.p8"), "--team-id", TEAM)
    assert "no such file" in failed(done, 2)
    assert "--team-id is missing" in failed(here("register", "key", str(p8_file(tmp_path))), 2)


def test_carriage_returns_and_blank_lines_do_no_harm(home: Path, tmp_path: Path) -> None:
    pem = b"\n" + p8(new_key()).replace(b"\n", b"\r\n") + b"\r\n"
    assert _register(p8_file(tmp_path, pem=pem))[0] == 0
    done = here("register", "app", APP, "--team-id", TEAM, "--key-id", KEY)
    assert done.returncode == 0
    assert here("token", "--app", APP, "--env", "sandbox").returncode == 0
