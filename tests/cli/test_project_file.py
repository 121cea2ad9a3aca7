"""pushkit.toml: found upward, weighed against what else is said, and no place for a secret."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.credentials import APP, KEY, TEAM, TOKEN, p8, p8_file
from tests.cli.errands import failed, here, prepared, spoken
from tests.commands import objects

_PROJECT = f"""
[keys.{KEY}]
team_id = "{TEAM}"
file = "keys/AuthKey_{KEY}.p8"

[apps."{APP}"]
team_id = "{TEAM}"
key_id = "{KEY}"

[devices.bob]
app = "{APP}"
environment = "production"
recorded = "2026-11-02"
tokens = {{ voip = "{TOKEN}" }}
"""
_DRY = ("send", "--json", "--dry-run", "--type", "voip", "-d", "callUUID=x", "--app", APP)
Write = Callable[[str], Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the project's file; the command runs two folders below it."""
    folder = tmp_path / "project"
    below = folder / "src" / "server"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)

    def write(text: str) -> Path:
        file = folder / "pushkit.toml"
        file.write_text(text)
        return file

    return write


def _environment(*more: str, **variables: str) -> str:
    done = here(*_DRY, *more, variables=variables)
    assert done.returncode == 0, done.stderr
    return str(objects(done.stdout)[0]["environment"])


def test_a_project_is_found_upward_with_its_key_beside_it(
    project: Write, tmp_path: Path, home: Path
) -> None:
    file = project(_PROJECT)
    (file.parent / "keys").mkdir()
    p8_file(file.parent / "keys")
    done = here("token", "--app", APP, "--env", "production")
    assert (done.returncode, done.stdout.count(b".")) == (0, 2), done.stderr
    assert _environment("--to", "bob") == "production"
    assert not (home / "profiles").exists()


def test_a_key_file_that_is_missing_is_named(project: Write) -> None:
    file = project(_PROJECT)
    said = failed(here("token", "--app", APP, "--env", "production"), 6)
    assert "no such file" in said
    assert "".join(str(file.parent / "keys").split()) in said.replace(" ", "")


def test_the_nearest_file_wins_and_outside_there_is_none(
    project: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = project('environment = "sandbox"')
    nearer = file.parent / "src" / "pushkit.toml"
    nearer.write_text('environment = "production"')
    shown = here("config", "show").stdout.decode()
    assert "environment = production" in shown
    monkeypatch.chdir(tmp_path)
    assert "environment" not in here("config", "show").stdout.decode()


def test_the_command_line_then_a_variable_then_the_project_then_the_profile(
    project: Write, home: Path, tmp_path: Path
) -> None:
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)))
    prepared("register", "device", "bob", "--app", APP, "--type", "voip", "--token", TOKEN,
        "--env", "sandbox")  # fmt: skip
    to = ("--to", "cd" * 32)
    assert _environment("--to", "bob") == "sandbox"  # what the book records for the target
    profile = home / "profiles" / "default" / "pushkit.toml"
    profile.write_text('environment = "production"\n' + profile.read_text())
    assert _environment(*to) == "production"
    project('environment = "sandbox"')
    assert _environment(*to) == "sandbox"
    assert _environment(*to, PUSHKIT_ENVIRONMENT="local") == "local"
    narrow = {"PUSHKIT_SEND_ENV": "local-production", "PUSHKIT_ENVIRONMENT": "local"}
    assert _environment(*to, **narrow) == "local-production"
    assert _environment(*to, "--env", "production", **narrow) == "production"


def test_an_empty_variable_says_nothing(project: Write, tmp_path: Path) -> None:
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)))
    project('environment = "sandbox"')
    nothing = dict.fromkeys(("PUSHKIT_ENVIRONMENT", "PUSHKIT_KEY", "PUSHKIT_ENDPOINT"), "")
    assert _environment("--to", TOKEN, **nothing) == "sandbox"


def test_a_project_hides_what_the_profile_calls_the_same(project: Write, tmp_path: Path) -> None:
    other = str(p8_file(tmp_path, "XYZ123XYZ1"))
    prepared("register", "app", APP, "--team-id", TEAM, "--key", other)
    prepared("register", "app", "com.example.two", "--team-id", TEAM, "--key-id", "XYZ123XYZ1")
    file = project(_PROJECT)
    (file.parent / "keys").mkdir()
    p8_file(file.parent / "keys")
    found = objects(here("register", "list", "--json").stdout)
    apps = {one["name"]: one["production"] for one in found if one["kind"] == "app"}
    assert apps == {APP: KEY, "com.example.two": "XYZ123XYZ1"}
    origins = {one["name"]: one["origin"] for one in found}
    assert (origins[APP], origins["bob"], origins["XYZ123XYZ1"]) == (
        "project",
        "project",
        "profile",
    )
    assert here("register", "remove", "app", APP).returncode == 0  # the profile's own
    said = failed(here("register", "remove", "app", APP), 2)
    assert "take it out of that file by hand" in said


@pytest.mark.parametrize(
    ("text", "error", "hint"),
    [
        ("enviroment = 'local'", "nothing is called enviroment", "did you mean environment?"),
        ("[app.x]\nteam_id = 'T'", "nothing is called app", "did you mean apps?"),
        (_PROJECT.replace("key_id", "key_ids"), f"apps.{APP}.key_ids", "did you mean key_id?"),
        (_PROJECT.replace("recorded", "date"), "devices.bob.date", "known: "),
        ("environment = 'locale'", "environment is locale", "mend this line"),
        ("environment = 7", "environment is not text", "mend this line"),
        ("environment = true", "environment is not text", "mend this line"),
        ("apps = 'x'", "apps is not a table", "mend this line"),
        ("apps.x = 'x'", "apps.x is not a table", "pushkit config path"),
        ("[apps.x]", "apps.x.team_id is missing", "mend this line"),
        (_PROJECT.replace('"production"', '"prod"'), "is prod: it can be", "mend this line"),
        (_PROJECT.replace("voip =", "viop ="), "tokens is viop: it can be", "mend this line"),
        (f"{_PROJECT}\n[keys.{KEY}]", "is not TOML", "mend this line"),
        ("environment =", "is not TOML", "mend this line"),
    ],
)
def test_a_typo_is_an_error_that_says_what_was_meant(
    project: Write, text: str, error: str, hint: str
) -> None:
    file = project(text)
    said = failed(here("config", "show"), 6)
    assert error in said
    assert hint in said
    assert "pushkit.toml" in said
    assert file.read_text() == text


def test_bytes_that_are_no_text_are_an_error_too(project: Write) -> None:
    file = project("")
    file.write_bytes(b"environment = '\xff\xfe'")
    assert "is not TOML" in failed(here("config", "show"), 6)


@pytest.mark.parametrize(
    "text",
    [
        f'[keys.{KEY}]\nteam_id = "{TEAM}"\nprivate_key = "CANARY"',
        f'[keys.{KEY}]\nteam_id = "{TEAM}"\nkey = "CANARY"',
        f'[apps."{APP}"]\nteam_id = "{TEAM}"\npassword = "CANARY"',
        'secret = "CANARY"',
        'provider_token = "CANARY"',
        '# -----BEGIN PRIVATE KEY-----\n# CANARY\nenvironment = "local"',
        'note = "eyJhbGciOiJFUzI1NiJ9.eyJDQU5BUlkiOjF9.CANARY"',
    ],
)
def test_a_secret_in_a_project_is_refused_and_not_repeated(project: Write, text: str) -> None:
    project(text)
    done = here("-v", *_DRY, "--to", TOKEN)
    assert "holds a secret" in failed(done, 6)
    assert "CANARY" not in spoken(done) + done.stdout.decode()
    assert b"eyJ" not in done.stdout + done.stderr


def test_a_project_that_cannot_be_read_is_named(project: Write) -> None:
    file = project("")
    file.unlink()
    file.symlink_to(file)
    assert here("config", "show").returncode == 0  # a link to nowhere is no file


# Profiles


def test_profiles_know_nothing_of_each_other(home: Path, tmp_path: Path) -> None:
    file = str(p8_file(tmp_path))
    words = ("register", "app", APP, "--team-id", TEAM, "--key", file)
    assert here("--profile", "work", *words).returncode == 0
    assert here("register", "list").stdout == b""
    assert APP in here("--profile", "work", "register", "list").stdout.decode()
    token = ("token", "--app", APP, "--env", "sandbox")
    assert "no key is known" in failed(here(*token), 6)
    assert here(*token, variables={"PUSHKIT_PROFILE": "work"}).returncode == 0
    assert here("register", "remove", "key", KEY).returncode == 2
    assert here("--profile", "work", "register", "remove", "key", KEY).returncode == 0


def test_looking_into_a_profile_does_not_make_it(home: Path) -> None:
    here("register", "key", "-", "--team-id", TEAM, "--key-id", KEY, stdin=p8())
    assert here("--profile", "typo", "register", "list").stdout == b""
    assert [path.name for path in (home / "profiles").iterdir()] == ["default"]


@pytest.mark.parametrize("name", ["../x", "", ".", "a/b", "-x", "é"])
def test_a_profile_cannot_be_any_path(home: Path, name: str) -> None:
    words = ("register", "key", "-", "--team-id", TEAM, "--key-id", KEY)
    said = failed(here(f"--profile={name}", *words, stdin=p8()), 2)
    assert "cannot name a profile" in said


@pytest.mark.parametrize("text", ["[newer]\nthing = 1\n", "schema = 99\n", "torn = [", "\x00"])
def test_a_profile_that_is_newer_or_damaged_is_kept_and_named(home: Path, text: str) -> None:
    words = ("register", "key", "-", "--team-id", TEAM, "--key-id", KEY)
    here(*words, stdin=p8())
    book = home / "profiles" / "default" / "pushkit.toml"
    book.write_text(text)
    for command in (
        ["register", "list"],
        [*words, "--replace"],
        ["register", "remove", "key", KEY],
    ):
        said = failed(here(*command, stdin=p8()), 6)
        assert "".join(str(book).split()) in said.replace(" ", "")
        assert book.read_text() == text
