"""`pushkit channel` against a service on real sockets: what it prints, keeps, and ends with."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushkit_cli.apns.facts import Storage
from pushkit_cli.apns.message import Request, Response
from pushkit_cli.cli.render import Terminal
from pushkit_cli.cli.telling import Teller
from pushkit_cli.engine.listener import Running
from tests.apns_host import Host, answering
from tests.channel_service import Service, serving
from tests.cli import hosts
from tests.cli.credentials import APP, KEY, TEAM, p8, p8_file
from tests.cli.errands import Done, failed, here, prepared, spoken
from tests.cli.typist import type_in_pty
from tests.commands import PUSHKIT, objects
from tests.conftest import Told

LOCAL = ("--app", APP, "--env", "local")


class Desk:
    """The command with a service behind it."""

    def __init__(self, service: Service, there: Host) -> None:
        self.service, self.host = service, there
        self.trusted = ("--endpoint", there.url, "--cacert", str(there.ca_file))

    def ask(self, *words: str) -> Done:
        return here("channel", *words, *self.trusted)

    def made(self, *words: str) -> str:
        done = self.ask("create", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with serving(tmp_path) as (service, there):
        yield Desk(service, there)


def test_create_prints_the_bare_id_and_where_it_asked(desk: Desk) -> None:
    done = desk.ask("create", *LOCAL, "--storage", "latest")
    (made,) = desk.service.known
    assert (done.returncode, done.stdout.decode()) == (0, f"{made}\n")
    assert desk.service.known[made].storage is Storage.LATEST
    first = done.stderr.decode().splitlines()
    assert first == [f"local  127.0.0.1:{desk.host.port}  {APP}  key LOCALKEY01"]


def test_nothing_is_stored_where_nothing_is_said(desk: Desk) -> None:
    assert desk.service.known[desk.made(*LOCAL)].storage is Storage.NONE


def test_what_was_made_needs_no_other_word_again(desk: Desk, home: Path) -> None:
    made = desk.made("--app", APP, "--env", "local-production", "--storage", "latest")
    done = desk.ask("show", made)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines() == [
        made,
        f"  app          {APP}",
        "  environment  local-production",
        "  storage      latest  the latest push, for 8 hours at most",
    ]
    assert desk.ask("delete", made).stdout.decode() == f"deleted  {made}\n"
    assert desk.service.known == {}
    said = failed(desk.ask("show", made, "--env", "local"), 2)  # it is forgotten with its app
    assert "whose channels in local?" in said


def test_a_channel_that_was_shown_is_known_from_then_on(desk: Desk, home: Path) -> None:
    made = desk.made(*LOCAL, "--storage", "latest")
    (home / "sender.db").unlink()
    assert "no environment is known" in failed(here("channel", "show", made), 2)
    assert desk.ask("show", made, *LOCAL).returncode == 0
    assert desk.ask("show", made).returncode == 0


@pytest.mark.parametrize("words", ["channel show", "channel delete", "send --channel"])
def test_a_shell_is_offered_the_channels_that_are_known(desk: Desk, words: str) -> None:
    made = desk.made(*LOCAL)
    variables = {
        "_PUSHKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": f"pushkit {words} {made[:3]}",
        "COMP_CWORD": str(len(words.split()) + 1),
    }
    assert here(variables=variables).stdout.decode() == f"plain,{made}\n"


def test_list_says_what_is_known_of_each(desk: Desk, home: Path) -> None:
    first = desk.made(*LOCAL)
    (home / "sender.db").unlink()
    second = desk.made(*LOCAL, "--storage", "latest")
    done = desk.ask("list", *LOCAL)
    assert done.stdout.decode().splitlines() == [f"{first}  -", f"{second}  latest"]
    listed = objects(desk.ask("list", *LOCAL, "--json").stdout)
    assert [(one["channel"], one["storage"]) for one in listed] == [
        (first, None),
        (second, "latest"),
    ]


def test_an_empty_list_is_no_line_of_data(desk: Desk) -> None:
    done = desk.ask("list", *LOCAL)
    assert (done.returncode, done.stdout) == (0, b"")
    assert f"no channel of {APP} in local" in spoken(done)
    assert desk.ask("list", *LOCAL, "--json").stdout == b""


def test_every_object_has_the_same_keys(desk: Desk) -> None:
    (made,) = objects(desk.ask("create", *LOCAL, "--json").stdout)
    (shown,) = objects(desk.ask("show", made["channel"], "--json").stdout)
    (gone,) = objects(desk.ask("delete", made["channel"], "--json").stdout)
    refused, error = objects(desk.ask("show", "bm8=", *LOCAL, "--json").stdout)
    assert made.keys() == shown.keys() == gone.keys() == refused.keys()
    assert [one["status"] for one in (made, shown, gone, refused)] == [201, 200, 204, 400]
    assert [one["storage"] for one in (made, shown, gone, refused)] == ["none"] * 3 + [None]
    assert (made["outcome"], made["retry"], made["attempts"]) == ("accepted", "never", 1)
    assert len(made["apns_request_id"]) == 36
    assert (refused["reason"], refused["retry"]) == ("ChannelNotRegistered", "after-fix")
    assert (error["event"], error["kind"], error["exit"]) == ("error", "refused", 4)


def test_a_refusal_has_its_reason_and_a_remedy(desk: Desk) -> None:
    done = desk.ask("show", "bm8=", *LOCAL)
    said = failed(done, 4)
    assert done.stdout == b""
    assert "show was refused: 400 ChannelNotRegistered" in said
    assert "pushkit channel list" in said


def test_a_word_apple_may_invent_is_shown_as_it_is(tmp_path: Path) -> None:
    def answer(_: Request) -> Response:
        return Response(status=418, body=b'{"reason":"TeapotOnly"}')

    with answering(tmp_path, answer) as host:
        done = here(
            "channel", "list", *LOCAL, "--endpoint", host.url, "--cacert", str(host.ca_file)
        )
    assert done.returncode == 4
    assert "418 TeapotOnly" in spoken(done)


def test_the_screen_shows_what_was_asked_of_channels(
    listener: Running, told: Told, capfd: pytest.CaptureFixture[str]
) -> None:
    made = prepared("channel", "create").strip()
    assert here("channel", "show", "bm8=", "--env", "local").returncode == 4
    with Teller(Terminal(), None) as teller:
        for happened in told:
            teller.tell(happened)
    lines = " ".join(capfd.readouterr().out.split())
    assert f"POST /1/apps/com.example.pushkit/channels channel {made}" in lines
    assert "201 accepted" in lines
    assert "400 ChannelNotRegistered" in lines


def test_a_certificate_manages_channels_too(listener: Running) -> None:
    app = "com.example.pushkit"
    file = prepared("certificate", "app", "--app", app).splitlines()[0]
    prepared("register", "app", app, "--team-id", "LOCALTEAM0", "--cert", file)
    done = here("channel", "create", "--app", app)
    assert done.returncode == 0
    assert spoken(done).endswith(f"{app} certificate")
    made = done.stdout.decode().strip()
    assert here("channel", "delete", made).returncode == 0


HELD = {
    "no base64": (["show", "no!", *LOCAL], "BadChannelId"),
    "a topic for an app": (
        ["create", "--app", f"{APP}.push-type.liveactivity", "--env", "local"],
        "TopicDisallowed",
    ),
    "no bundle id": (["list", "--app", "a/b", "--env", "local"], "BadPath"),
}


@pytest.mark.parametrize(("words", "reason"), HELD.values(), ids=HELD.keys())
def test_lint_holds_what_would_be_refused(desk: Desk, words: list[str], reason: str) -> None:
    assert f"would be refused, {reason}" in failed(desk.ask(*words), 3)
    assert desk.host.asked == []
    assert f"was refused: {404 if reason == 'BadPath' else 400} {reason}" in failed(
        desk.ask(*words, "--no-lint"), 4
    )


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["--env", "local-production"], "say --env local"),
        (["--app", "com.example.other"], f"say --app {APP}"),
        (["--env", "sandbox"], "say --env local"),
    ],
)
def test_a_record_that_contradicts_is_held(
    desk: Desk, tmp_path: Path, words: list[str], remedy: str
) -> None:
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)))
    made = desk.made(*LOCAL)
    asked = len(desk.host.asked)
    said = failed(desk.ask("delete", made, *words), 3)
    assert "would be refused, ChannelNotRegistered" in said
    assert remedy in said
    assert len(desk.host.asked) == asked
    assert made in desk.service.known


def test_a_contradiction_is_said_once(desk: Desk, tmp_path: Path) -> None:
    """The channel is the listener's, and of its sandbox: either would be refused."""
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)))
    made = desk.made(*LOCAL)
    held, _ = objects(desk.ask("show", made, "--env", "production", "--json").stdout)
    assert [one["reason"] for one in held["lint"]] == ["ChannelNotRegistered"]
    assert held["outcome"] == "held"


# Apple's own


@pytest.fixture
def registered(tmp_path: Path) -> None:
    prepared("register", "app", APP, "--team-id", TEAM, "--key", str(p8_file(tmp_path)))


@pytest.mark.parametrize(
    ("env", "authority"),
    [
        ("sandbox", "api-manage-broadcast.sandbox.push.apple.com:2195"),
        ("production", "api-manage-broadcast.push.apple.com:2196"),
    ],
)
def test_apples_channels_are_managed_at_hosts_of_their_own(
    registered: None, env: str, authority: str
) -> None:
    """A proxy that refuses to lead there: nothing leaves this machine."""
    with hosts.connect_proxy() as proxy:
        done = here(
            *("channel", "list", "--app", APP, "--env", env, "--proxy", proxy.url()),
            *("--retries", "0"),
        )
    assert "refused: 403 No" in failed(done, 5)
    assert spoken(done).startswith(f"{env} {authority} {APP} key {KEY}")
    assert proxy.requests == [f"CONNECT {authority} HTTP/1.1"]


def test_a_deletion_in_production_wants_a_word(registered: None, desk: Desk) -> None:
    made = desk.made("--app", APP, "--env", "production")
    asked = len(desk.host.asked)
    said = failed(desk.ask("delete", made), 2)
    assert "production was not confirmed" in said
    assert "--yes" in said
    assert len(desk.host.asked) == asked
    assert desk.ask("delete", made, "--yes").returncode == 0


def test_a_deletion_in_production_is_asked_about_on_a_terminal(
    registered: None, desk: Desk
) -> None:
    made = desk.made("--app", APP, "--env", "production")
    argv = [str(PUSHKIT), "channel", "delete", made, *desk.trusted]
    asks = b"in production? [y/N]"
    done = type_in_pty(argv, env=os.environ, prompt=asks, typed=b"y\n")
    assert (done.code, desk.service.known) == (0, {})


def test_without_a_home_nothing_is_remembered_and_all_is_done(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    variables = {
        "PUSHKIT_HOME": str(tmp_path / "file" / "home"),
        "PUSHKIT_KEY": p8().decode(),
        "PUSHKIT_TEAM_ID": TEAM,
        "PUSHKIT_KEY_ID": KEY,
    }
    words = ("channel", "create", "--app", APP, "--env", "sandbox", *desk.trusted)
    done = here(*words, variables=variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().strip() in desk.service.known
    assert spoken(done).count("warning: ") == 1


def test_records_that_cannot_be_read_are_a_warning(desk: Desk, home: Path) -> None:
    made = desk.made(*LOCAL)
    (home / "sender.db").write_bytes(b"not a database")
    done = desk.ask("show", made, *LOCAL)
    assert done.returncode == 0
    assert spoken(done).count("warning: what is known of channels was not read") == 1
    assert spoken(done).count("warning: the channel was not written down") == 1
    assert (home / "sender.db").read_bytes() == b"not a database"
