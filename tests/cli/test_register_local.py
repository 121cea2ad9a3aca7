"""`register … --local`: teams, apps and scoped keys that the local APNs is to know."""

from pathlib import Path
from typing import Any

import pytest

from pushkit_cli.apns.facts import KeyEnvironmentReason, Policy
from pushkit_cli.engine.listener import Options, running
from tests.cli.credentials import APP, KEY, TEAM, p8, p8_file, wrong_keys
from tests.cli.errands import failed, here, holding, prepared, spoken
from tests.commands import objects
from tests.conftest import Told

OTHER = "XYZ123XYZ1"
OTHER_APP = "com.example.other"


def _key(file: Path, *more: str, team: str = TEAM) -> tuple[str, ...]:
    return ("register", "key", str(file), "--team-id", team, "--local", *more)


def _shown(kind: str, name: str) -> list[dict[str, Any]]:
    return objects(here("register", "show", kind, name, "--json").stdout)


def _sign(file: Path, key_id: str = KEY, team: str = TEAM) -> dict[str, str]:
    return {"PUSHKIT_KEY_FILE": str(file), "PUSHKIT_TEAM_ID": team, "PUSHKIT_KEY_ID": key_id}


def _send(signed: dict[str, str], *more: str) -> str | None:
    """Apple's word for no to a VoIP push, or nothing."""
    done = here("send", "--type", "voip", "--json", "--no-lint", *more, variables=signed)
    assert done.returncode in (0, 4), done.stderr
    reason = objects(done.stdout)[0]["reason"]
    assert reason is None or isinstance(reason, str)
    return reason


def _listening(home: Path, *apps: str) -> Options:
    return Options(home=home, apps=apps, port=0, production_port=0)


# What is kept


def test_only_the_public_half_of_a_key_is_kept(home: Path, tmp_path: Path) -> None:
    pem = p8()
    file = p8_file(tmp_path, pem=pem)
    assert prepared(*_key(file)) == f"registered  key  {KEY}\n"
    assert prepared(*_key(file)) == f"unchanged  key  {KEY}\n"
    assert holding(home, pem.splitlines()[1]) == []
    assert not (home / "profiles").exists()


def test_a_key_may_come_as_its_public_half_and_from_standard_input(tmp_path: Path) -> None:
    public = tmp_path / f"AuthKey_{KEY}.pub"
    public.write_bytes(wrong_keys()["public"])
    assert prepared(*_key(public)) == f"registered  key  {KEY}\n"
    words = ("register", "key", "-", "--team-id", TEAM, "--local")
    assert "does not name its key id" in failed(here(*words, stdin=p8()), 6)
    done = here(*words, "--key-id", OTHER, stdin=p8())
    assert (done.returncode, done.stdout) == (0, f"registered  key  {OTHER}\n".encode())


@pytest.mark.parametrize("name", ["P-384", "RSA", "SEC1", "encrypted", "certificate", "garbage"])
def test_what_is_no_key_is_refused(home: Path, tmp_path: Path, name: str) -> None:
    file = tmp_path / f"AuthKey_{KEY}.p8"
    file.write_bytes(wrong_keys()[name])
    assert f"AuthKey_{KEY}.p8" in failed(here(*_key(file)), 6)
    assert not (home / "emulator.db").exists()


def test_another_key_or_scope_of_the_same_id_needs_replace(tmp_path: Path) -> None:
    file = p8_file(tmp_path)
    prepared(*_key(file))
    scoped = _key(file, "--env", "sandbox")
    assert f"another key {KEY}" in failed(here(*scoped), 6)
    assert prepared(*scoped, "--replace") == f"replaced  key  {KEY}\n"
    assert _shown("key", KEY)[0]["environments"] == "sandbox"


# What is shown


def test_the_emulators_keys_are_shown_with_their_scope_beside_ones_own(tmp_path: Path) -> None:
    file = p8_file(tmp_path)
    prepared("register", "key", str(file), "--team-id", TEAM)
    words = ("--env", "sandbox", "--topic", APP, "--topic", OTHER_APP, "--related", OTHER)
    prepared(*_key(file, *words))
    mine, theirs = _shown("key", KEY)
    assert (mine["origin"], theirs["origin"]) == ("profile", "emulator")
    assert {name: theirs[name] for name in (
        "environment", "team_id", "environments", "topics", "related",
    )} == {
        "environment": "local", "team_id": TEAM, "environments": "sandbox",
        "topics": f"{APP}, {OTHER_APP}", "related": OTHER,
    }  # fmt: skip
    listed = prepared("register", "list")
    assert f"related {OTHER}" in listed
    assert listed.count(f"key           {KEY}") == 2


def test_an_app_of_another_team_is_shown_with_its_team() -> None:
    words = ("register", "app", OTHER_APP, "--local")
    assert prepared(*words, "--team-id", TEAM) == f"registered  app  {OTHER_APP}\n"
    assert prepared(*words, "--team-id", TEAM) == f"unchanged  app  {OTHER_APP}\n"
    assert prepared("register", "app", OTHER_APP) == f"unchanged  app  {OTHER_APP}\n"
    assert _shown("app", OTHER_APP)[0]["team_id"] == TEAM
    device = ("register", "device", "bob", "--app", OTHER_APP, "--type", "voip")
    prepared(*device)
    assert _shown("app", OTHER_APP)[0]["team_id"] == TEAM
    assert f"another app {OTHER_APP}" in failed(here(*words, "--team-id", "OTHERTEAM1"), 6)
    assert prepared(*words, "--team-id", "OTHERTEAM1", "--replace").startswith("replaced")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("app", APP, "--local", "--team-id", TEAM, "--key-id", KEY), "keeps no credential"),
        (("remove", "app", APP, "--local"), "--local goes with a key"),
        (("remove", "key", KEY, "--local"), f"the emulator knows no key {KEY}"),
        (("key", "-", "--team-id", TEAM, "--related", KEY), "add --local"),
        (("key", "-", "--key-id", KEY, "--local"), "--team-id is missing"),
    ],
)
def test_words_that_do_not_fit_together_are_refused(words: tuple[str, ...], said: str) -> None:
    assert said in failed(here("register", *words, stdin=p8()), 2)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--topic", APP), 2, "a topic-specific key is for one environment"),
        (("--topic", f"{APP}.voip", "--env", "sandbox"), 2, "that is a topic"),
        (("--related", OTHER), 2, "only a topic-specific key has a related key"),
        (("--topic", APP, "--env", "sandbox", "--related", KEY), 6, "cannot be related"),
        (("--topic", APP, "--env", "sandbox", "--related", "PARTNERKEY"), 6, "cannot be related"),
        (("--topic", APP, "--env", "sandbox", "--related", "WIDOWEDKEY"), 6, "cannot be related"),
        (("--topic", APP, "--env", "production", "--related", "SINGLEKEY1"), 6, "of another"),
        (("--topic", APP, "--env", "sandbox", "--related", "TEAMSKEY01"), 6, "of another"),
    ],
)
def test_a_scope_that_no_key_can_have_is_refused(
    tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    topical = ("--topic", APP, "--env", "sandbox")
    for name, scope in (
        ("WIDOWEDKEY", (*topical, "--related", "PARTNERKEY")),
        ("PARTNERKEY", topical),
        ("SINGLEKEY1", topical),
        ("TEAMSKEY01", ()),
    ):
        prepared(*_key(p8_file(tmp_path, name), *scope))
    assert said in failed(here(*_key(p8_file(tmp_path), *words)), code)
    assert _shown("key", "PARTNERKEY")  # and what was there is there


# What it does


def test_a_second_team_pushes_to_its_own_app_alone(home: Path, tmp_path: Path, told: Told) -> None:
    file = p8_file(tmp_path)
    prepared(*_key(file))
    prepared("register", "device", "bob", "--app", OTHER_APP)
    prepared("register", "app", OTHER_APP, "--team-id", TEAM, "--local", "--replace")
    with running(_listening(home, APP), told.append):
        assert _send(_sign(file), "--to", "bob", "--app", OTHER_APP) is None
        assert _send(_sign(file), "--to", "iphone") == "TopicDisallowed"
        assert _send({}, "--to", "iphone") is None
    teams = [one["auth"]["team_id"] for one in told.named("push")]  # type: ignore[index]
    assert teams == [TEAM, TEAM, "LOCALTEAM0"]


@pytest.mark.parametrize(
    ("reason", "word"),
    [("wire", "BadEnvironmentKeyInToken"), ("documented", "BadEnvironmentKeyIdInToken")],
)
def test_a_key_of_the_other_environment_is_refused_in_the_words_asked_for(
    home: Path, tmp_path: Path, told: Told, reason: str, word: str
) -> None:
    file = p8_file(tmp_path)
    prepared(*_key(file, "--env", "production", team="LOCALTEAM0"))
    policy = Policy(key_environment_reason=KeyEnvironmentReason(reason))
    options = Options(home=home, apps=(APP,), port=0, production_port=0, policy=policy)
    with running(options, told.append):
        signed = _sign(file, team="LOCALTEAM0")
        assert _send(signed, "--to", "iphone") == word
        assert _send(signed, "--to", "iphone", "--env", "local-production") is None


def test_a_revoked_key_signs_nothing_more(home: Path, tmp_path: Path, told: Told) -> None:
    file = p8_file(tmp_path)
    prepared(*_key(file, team="LOCALTEAM0"))
    with running(_listening(home, APP), told.append):
        assert _send(_sign(file, team="LOCALTEAM0"), "--to", "iphone") is None
    assert prepared("register", "remove", "key", KEY, "--local") == f"removed  key  {KEY}\n"
    with running(_listening(home, APP), told.append):
        assert _send(_sign(file, team="LOCALTEAM0"), "--to", "iphone") == "InvalidProviderToken"
    assert "no key" in failed(here("register", "show", "key", KEY), 2)


@pytest.mark.parametrize("words", [(), ("--team-id", TEAM, "--local")])
def test_an_app_that_is_on_no_device_of_a_running_listener_says_what_puts_it_there(
    home: Path, told: Told, words: tuple[str, ...]
) -> None:
    with running(_listening(home, APP), told.append):
        done = here("register", "app", OTHER_APP, *words)
        assert (done.returncode, done.stdout) == (0, f"registered  app  {OTHER_APP}\n".encode())
        command = f"register device iphone --app {OTHER_APP}"
        assert f"pushkit {command}" in spoken(done)
        prepared(*command.split())
        assert here("register", "app", OTHER_APP).stderr == b""
    assert here("register", "app", "com.example.third").stderr == b"", "the next one has it"


def test_for_an_app_of_another_team_a_key_of_that_team_signs_or_none(
    home: Path, tmp_path: Path, told: Told
) -> None:
    file = p8_file(tmp_path)
    prepared(*_key(file))
    prepared("register", "app", OTHER_APP, "--team-id", TEAM, "--local")
    words = ("token", "--app", OTHER_APP, "--json")
    missing = f"{OTHER_APP} is of team {TEAM}, of which no key is here"
    assert missing in failed(here(*words), 6)
    with running(_listening(home, APP, OTHER_APP), told.append) as up:
        inside = {**_sign(up.ready["key_file"], up.ready["key_id"], up.ready["team_id"]),
            "PUSHKIT_ENDPOINT": up.ready["endpoint"]}  # fmt: skip
        for variables in ({}, inside):
            assert missing in failed(here(*words, variables=variables), 6)
        prepared("register", "key", str(file), "--team-id", TEAM)
        for variables in ({}, inside):
            (said,) = objects(here(*words, variables=variables).stdout)
            assert said["key_id"] == KEY
            assert _send(variables, "--to", "iphone", "--app", OTHER_APP) is None
        assert objects(here("token", "--app", APP, "--json").stdout)[0]["key_id"] == "LOCALKEY01"
    assert objects(here(*words).stdout)[0]["key_id"] == KEY
