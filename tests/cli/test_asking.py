"""Several pushes to production are asked about, where somebody can answer."""

import os
from collections.abc import Iterator

import pytest

from tests.cli.credentials import APP, KEY, TEAM, TOKEN, p8
from tests.cli.errands import failed, here
from tests.cli.hosts import Proxy, connect_proxy
from tests.cli.typist import type_in_pty
from tests.commands import PUSHKIT

_SEND = ("send", "--type", "voip", "--app", APP, "-d", "callUUID=x", "--retries", "0")
_TWO = ("--to", TOKEN, "--to", "cd" * 32)
_PROMPT = b"Send 2 pushes to production? [y/N]: "


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The only way to Apple from here: it refuses, and tells that it was asked."""
    monkeypatch.setenv("PUSHKIT_KEY", p8().decode())
    monkeypatch.setenv("PUSHKIT_TEAM_ID", TEAM)
    monkeypatch.setenv("PUSHKIT_KEY_ID", KEY)
    with connect_proxy() as found:
        monkeypatch.setenv("HTTPS_PROXY", found.url())
        yield found


def _answered(typed: bytes, *more: str) -> tuple[int, bytes]:
    argv = [str(PUSHKIT), *_SEND, *_TWO, "--env", "production", *more]
    ran = type_in_pty(argv, env=os.environ, prompt=_PROMPT, typed=typed)
    return ran.code, b" ".join(ran.output.split())


@pytest.mark.parametrize("typed", [b"n\n", b"\n"])
def test_no_sends_nothing(proxy: Proxy, typed: bytes) -> None:
    code, said = _answered(typed)
    assert (code, proxy.heads) == (2, [])
    assert b"nothing was sent: production was not confirmed" in said


def test_yes_goes_on(proxy: Proxy) -> None:
    code, said = _answered(b"y\n")
    assert (code, len(proxy.heads)) == (5, 1), said
    assert b"refused: HTTP/1.1 403" in said


@pytest.mark.parametrize("typed", [b"\x03", b"\x04"], ids=["interrupt", "end"])
def test_who_leaves_at_the_question_has_sent_nothing(proxy: Proxy, typed: bytes) -> None:
    code, _ = _answered(typed)
    assert (code, proxy.heads) == (130, [])


def test_where_nobody_can_answer_the_answer_is_no(proxy: Proxy) -> None:
    done = here(*_SEND, *_TWO, "--env", "production", stdin=b"y\n")
    assert "add --yes" in failed(done, 2)
    assert proxy.heads == []


def test_yes_as_an_option_is_not_asked(proxy: Proxy) -> None:
    assert here(*_SEND, *_TWO, "--env", "production", "--yes").returncode == 5
    assert len(proxy.heads) == 1


def test_no_variable_says_yes(proxy: Proxy) -> None:
    done = here(*_SEND, *_TWO, "--env", "production", variables={"PUSHKIT_SEND_YES": "1"})
    assert done.returncode == 2
    assert proxy.heads == []


@pytest.mark.parametrize(
    "words",
    [
        ("--to", TOKEN, "--env", "production"),
        (*_TWO, "--env", "sandbox"),
    ],
)
def test_one_target_and_the_sandbox_are_not_asked_about(
    proxy: Proxy, words: tuple[str, ...]
) -> None:
    assert here(*_SEND, *words).returncode == 5
    assert len(proxy.heads) == 1


@pytest.mark.parametrize("words", [["--dry-run"], ["--as", "curl"]])
def test_showing_is_not_sending(proxy: Proxy, words: list[str]) -> None:
    done = here(*_SEND, *_TWO, "--env", "production", *words)
    assert (done.returncode, proxy.heads) == (0, [])
