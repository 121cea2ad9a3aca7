"""`pushkit config` and `pushkit token`: what is configured, and what it signs."""

import base64
from pathlib import Path

import pytest

from pushkit_cli.apns.token import ProviderToken, read, verify
from pushkit_cli.engine.listener import Running
from pushkit_cli.net.certs import public_pem_of
from tests.cli.credentials import APP, KEY, TEAM, TOKEN, p8, p8_file, p12, push_certificate
from tests.cli.credentials import new_key as a_key
from tests.cli.errands import failed, here, prepared, spoken
from tests.commands import objects

_IDS = {"PUSHKIT_TEAM_ID": TEAM, "PUSHKIT_KEY_ID": KEY}


# config


def test_every_value_is_shown_with_who_says_it(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)))
    prepared("register", "device", "bob", "--app", APP, "--type", "voip", "--token", TOKEN,
        "--env", "sandbox")  # fmt: skip
    (tmp_path / "pushkit.toml").write_text('environment = "sandbox"')
    monkeypatch.chdir(tmp_path)
    said = {"PUSHKIT_ENDPOINT": "https://127.0.0.1:9", "PUSHKIT_KEY": "CANARY", **_IDS}
    done = here("config", "show", "--json", variables=said)
    found = {one["name"]: one for one in objects(done.stdout)}
    assert found["home"]["origin"] == "PUSHKIT_HOME"
    assert found["profile"]["value"] == "default"
    assert found["PUSHKIT_ENDPOINT"]["value"] == "https://127.0.0.1:9"
    assert found["PUSHKIT_KEY"]["value"] == "(set, not shown)"
    assert found["environment"]["origin"] == str(tmp_path / "pushkit.toml")
    profile = str(home / "profiles" / "default" / "pushkit.toml")
    for name in (f"apps.{APP}", f"keys.{KEY}", "devices.bob"):
        assert found[name]["origin"] == profile
    assert "CANARY" not in done.stdout.decode()
    assert TOKEN not in done.stdout.decode()


def test_origins_are_said_when_asked_for(home: Path) -> None:
    plain = here("config", "show").stdout.decode().splitlines()
    told = here("config", "show", "--origin").stdout.decode().splitlines()
    assert plain[1] == "profile = default"
    assert told[1].startswith("profile = default    (")
    assert not home.exists()


def test_the_path_of_the_profile(home: Path) -> None:
    expected = home / "profiles" / "work" / "pushkit.toml"
    assert here("--profile", "work", "config", "path").stdout.decode() == f"{expected}\n"
    done = here("--profile", "work", "config", "path", "--json")
    assert objects(done.stdout)[0]["path"] == str(expected)


def test_without_a_variable_the_platform_says_where_home_is(tmp_path: Path) -> None:
    said = {"PUSHKIT_HOME": "", "XDG_CONFIG_HOME": str(tmp_path / "config")}
    shown = here("config", "show", "--origin", variables=said).stdout.decode()
    assert shown.startswith(f"home = {tmp_path}")
    assert "(platform)" in shown


# token


def _read(text: str) -> ProviderToken:
    found = read(text.strip())
    assert isinstance(found, ProviderToken)
    return found


def test_a_token_is_signed_by_the_registered_key(tmp_path: Path) -> None:
    pem = p8()
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path, pem=pem)))
    done = here("token", "--app", APP, "--env", "production")
    token = _read(done.stdout.decode())
    assert (token.team_id, token.key_id) == (TEAM, KEY)
    assert verify(token, public_pem_of(pem)) is None
    header = here("token", "--app", APP, "--env", "production", "--header").stdout
    assert header == b"authorization: bearer " + done.stdout
    told = objects(here("token", "--app", APP, "--env", "production", "--json").stdout)[0]
    assert (told["event"], told["key_id"]) == ("token", KEY)
    assert told["token"] == done.stdout.decode().strip()


def test_a_token_needs_nothing_for_local() -> None:
    assert _read(here("token").stdout.decode()).key_id == "LOCALKEY01"


def test_a_token_for_a_running_listener_is_signed_with_its_key(listener: Running) -> None:
    token = _read(here("token").stdout.decode())
    public = Path(listener.ready["key_file"]).with_name("LOCALKEY01.pub").read_bytes()
    assert verify(token, public) is None


@pytest.mark.parametrize("form", ["pem", "one line", "base64", "wrapped base64", "file"])
def test_variables_alone_are_enough(home: Path, tmp_path: Path, form: str) -> None:
    pem = p8()
    said = {
        "pem": {"PUSHKIT_KEY": pem.decode()},
        "one line": {"PUSHKIT_KEY": pem.decode().strip().replace("\n", "\\n")},
        "base64": {"PUSHKIT_KEY": base64.b64encode(pem).decode()},
        "wrapped base64": {"PUSHKIT_KEY": base64.encodebytes(pem).decode()},
        "file": {"PUSHKIT_KEY_FILE": str(p8_file(tmp_path, pem=pem))},
    }[form]
    done = here("token", "--env", "production", variables={**_IDS, **said})
    assert done.returncode == 0, done.stderr
    assert verify(_read(done.stdout.decode()), public_pem_of(pem)) is None
    assert not (home / "profiles").exists()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PUSHKIT_KEY": "x"}, "PUSHKIT_TEAM_ID and PUSHKIT_KEY_ID must be set"),
        ({"PUSHKIT_KEY": "x", "PUSHKIT_KEY_ID": KEY}, "PUSHKIT_TEAM_ID must be set"),
        ({"PUSHKIT_KEY": "CANARY!", **_IDS}, "neither PEM nor base64"),
        ({"PUSHKIT_KEY": "Q0FOQVJZ", **_IDS}, "not PEM"),
        ({"PUSHKIT_KEY_FILE": "/nowhere/AuthKey.p8", **_IDS}, "no such file"),
        ({"PUSHKIT_KEY_FILE": "/dev/null", **_IDS}, "empty"),
        ({"PUSHKIT_KEY": "x", **_IDS, "PUSHKIT_KEY_ID": "a/../b"}, "a/../b is no key id"),
        ({"PUSHKIT_KEY": "x", **_IDS, "PUSHKIT_TEAM_ID": "my team"}, "my team is no team id"),
        ({"PUSHKIT_KEY": "x", **_IDS, "PUSHKIT_TEAM_ID": "\udcff"}, "is no team id"),
        ({"PUSHKIT_KEY_FILE": "~no_such_user/x", **_IDS}, "no such file"),
        ({}, "no key is known for com.example.app"),
    ],
)
def test_variables_that_do_not_fit_are_named(variables: dict[str, str], words: str) -> None:
    done = here("token", "--app", APP, "--env", "sandbox", variables=variables)
    assert words in failed(done, 6)
    assert "CANARY" not in spoken(done)


def test_while_an_endpoint_is_set_the_variables_are_the_listeners(tmp_path: Path) -> None:
    said = {**_IDS, "PUSHKIT_KEY": p8().decode(), "PUSHKIT_ENDPOINT": "https://127.0.0.1:9"}
    assert _read(here("token", variables=said).stdout.decode()).key_id == KEY
    done = here("token", "--app", APP, "--env", "sandbox", variables=said)
    assert "no key is known" in failed(done, 6)
    prepared("register", "app", APP, "--team-id", "OTHERTEAM1", "--key", str(
        p8_file(tmp_path, "XYZ123XYZ1")))  # fmt: skip
    done = here("token", "--app", APP, "--env", "sandbox", variables=said)
    assert _read(done.stdout.decode()).key_id == "XYZ123XYZ1"


def test_an_app_without_a_credential_for_an_environment_says_which_it_has(tmp_path: Path) -> None:
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)),
        "--env", "sandbox")  # fmt: skip
    said = failed(here("token", "--app", APP, "--env", "production"), 6)
    assert "no credential for production: it has one for sandbox" in said


def test_a_certificate_needs_no_token(tmp_path: Path) -> None:
    key, file = a_key(), tmp_path / "push.p12"
    file.write_bytes(p12(key, push_certificate(key), b"x"))
    here("register", "app", APP, "--team-id", TEAM, "--cert", str(file), "--password-file",
        "-", stdin=b"x")  # fmt: skip
    said = failed(here("token", "--app", APP, "--env", "sandbox"), 6)
    assert "needs no provider token" in said
