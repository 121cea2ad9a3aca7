"""A clock that stands still, and a sender of ours that goes by it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushkit_cli.apns.message import AUTHORIZATION, Response
from pushkit_cli.apns.token import ProviderToken, read
from pushkit_cli.engine.listener import Options, Running, running
from tests.apns_host import answering
from tests.cli.errands import failed, here, spoken
from tests.commands import objects
from tests.conftest import Told

AT, SHOWN = 1_767_225_600.0, "2026-01-01T00:00:00.000Z"


@pytest.fixture
def still(home: Path, told: Told) -> Iterator[Running]:
    """A listener for which it is the first of January 2026 until somebody moves it."""
    options = Options(home=home, port=0, production_port=0, is_clock_manual=True, clock_at=AT)
    with running(options, told.append) as up:
        yield up


def test_provider_tokens_are_made_by_the_listeners_clock(still: Running, told: Told) -> None:
    (shown,) = objects(here("clock", "show", "--json").stdout)
    assert (shown["clock"], shown["now"]) == ("manual", SHOWN)
    for ahead in ("0s", "10m", "2h"):
        assert here("clock", "advance", ahead).returncode == 0
        done = here("send", "--type", "voip")
        assert done.returncode == 0, spoken(done)
    issued = [push["auth"]["issued_at"] for push in told.named("push")]  # type: ignore[index]
    assert issued == [int(AT), int(AT), int(AT + 7800)]
    printed = read(here("token").stdout.decode().strip())
    assert isinstance(printed, ProviderToken)
    assert printed.issued_at == int(AT + 7800)


def test_whoever_else_listens_goes_by_the_time_of_this_machine(
    still: Running, tmp_path: Path
) -> None:
    assert still.ready["clock"] == "manual"
    began = int(time.time())
    with answering(tmp_path, lambda _: Response(status=200)) as other:
        where = ("--endpoint", other.url, "--cacert", str(other.ca_file))
        done = here("send", "--type", "voip", *where)
        assert done.returncode == 0, spoken(done)
    said = other.asked[0].field(AUTHORIZATION) or ""
    token = read(said.removeprefix("bearer "))
    assert isinstance(token, ProviderToken)
    assert token.issued_at >= began


@pytest.mark.parametrize("clock", ["sand", "25:00", ""])
def test_what_is_no_clock_says_what_is(clock: str) -> None:
    said = failed(here("listen", "--port", "0", "--clock", clock), 2)
    assert "is no clock: write system, manual, or a time as 2026-11-25T09:30:00Z" in said
