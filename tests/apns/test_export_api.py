"""Requests, answers, times, tokens and hosts of an export, as values."""

import base64
import json
from datetime import date

import pytest

from pushkit_cli.apns import export_api
from pushkit_cli.apns.export_api import may_see_token, span, time_of
from pushkit_cli.apns.export_token import fault, read_token
from pushkit_cli.apns.exports import Dataset
from pushkit_cli.errors import PushkitError

TODAY = date(2026, 11, 30)
APP = "com.example.app"
PATH = "/v1/dataExports/apns/teams/TEAM123456/appId/com.example.app/datasetName/deliverymetrics"


def jwt(**claims: object) -> str:
    parts = ({"alg": "HS512"}, claims)
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*texts, b"c2lnbmF0dXJl"]).decode()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2024-01-28 10:01:00Z", 1706436060.0),
        ("2024-02-14T18:32:30.947Z", 1707935550.947),
        ("2024-02-14T18:32:30.947123Z", 1707935550.947123),
        ("2024-02-14T18:32:30+01:00", 1707931950.0),
        ("2024-02-14T18:32:30", 1707935550.0),
        ("yesterday", None),
        ("2024-02-31 10:01:00Z", None),
        (1707935550, None),
        (None, None),
    ],
)
def test_three_forms_of_time(text: object, at: float | None) -> None:
    assert time_of(text) == at


@pytest.mark.parametrize(
    ("first", "last", "asked"),
    [
        ("2026-11-23", "2026-11-29", ("2026-11-16", "2026-11-29")),
        ("2026-11-29", "2026-11-29", ("2026-11-28", "2026-11-29")),
        ("2026-11-02", "2026-11-20", ("2026-10-31", "2026-11-20")),
        ("2026-10-31", "2026-11-29", ("2026-10-31", "2026-11-29")),
    ],
)
def test_the_days_before_are_asked_for_as_well(
    first: str, last: str, asked: tuple[str, str]
) -> None:
    both = span(
        date.fromisoformat(first), date.fromisoformat(last), dataset=Dataset.delivery, today=TODAY
    )
    assert tuple(map(str, both)) == asked


@pytest.mark.parametrize(
    ("first", "last", "hint"),
    [
        ("2026-10-30", "2026-11-29", "--since 2026-10-31 --until 2026-11-29"),
        ("2026-11-29", "2026-11-30", "--since 2026-11-29 --until 2026-11-29"),
        ("2026-01-01", "2026-01-07", "--since 2026-10-31 --until 2026-11-29"),
        ("2026-10-31", "2026-10-31", "--until 2026-11-29"),
    ],
)
def test_days_that_cannot_be_had_are_refused_with_those_that_can(
    first: str, last: str, hint: str
) -> None:
    with pytest.raises(PushkitError) as failed:
        span(date.fromisoformat(first), date.fromisoformat(last), dataset=Dataset.delivery,
             today=TODAY)  # fmt: skip
    assert failed.value.hint == hint


def test_the_emulator_has_the_current_day() -> None:
    assert span(TODAY, TODAY, dataset=Dataset.delivery, today=TODAY, is_free=True)[1] == TODAY


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://api.icloud.apple.com/status", True),
        ("https://gateway.icloud.apple.com:443/x", True),
        ("https://127.0.0.1:1234/x", True),
        ("https://127.0.0.1:1235/x", False),
        ("http://127.0.0.1:1234/x", False),
        ("https://icloud.apple.com/x", False),
        ("https://evilicloud.apple.com/x", False),
        ("https://gateway.icloud.apple.com:8443/x", False),
        ("https://a@gateway.icloud.apple.com/x", False),
        ("https://evil.example\\.icloud.apple.com/x", False),
        ("https://evil.example/.icloud.apple.com", False),
        ("https://x.icloud.apple.com.evil.example/", False),
        ("https://127.0.0.1:99999/x", False),
        ("https:///x", False),
        ("", False),
    ],
)
def test_who_may_see_the_token(url: str, may: bool) -> None:
    assert may_see_token(url, "https://127.0.0.1:1234") is may


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1", True), ("10.1.2.3", True), ("169.254.169.254", True), ("::1", True),
        ("::ffff:10.0.0.1", True), ("fe80::1%eth0", True), ("100.64.0.1", True),
        ("17.253.144.10", False), ("2620:149:af0::10", False), ("cdn.example", False),
    ],
)  # fmt: skip
def test_what_is_a_private_network(address: str, private: bool) -> None:
    assert export_api.is_private(address) is private


def test_what_a_token_says_of_itself() -> None:
    token = read_token(jwt(exp=200, scope=[{"method": "POST", "path": f"{PATH}/request"}]))
    assert (token.expires_at, [one.team_id for one in token.scopes]) == (200, ["TEAM123456"])
    assert fault(token, app=APP, dataset=Dataset.delivery, now=199) is None
    assert fault(token, app=APP, dataset=Dataset.delivery, now=200) == (
        "this export token has expired"
    )
    assert fault(token, app=APP, dataset=Dataset.broadcast_app, now=1) == (
        "this export token is not for com.example.app, broadcast-app, but for com.example.app, "
        "delivery"
    )
    assert fault(token, app="com.other", dataset=Dataset.delivery, now=1)
    texts = read_token(jwt(exp="soon", scope=f"POST {PATH}/request"))
    assert (texts.expires_at, len(texts.scopes)) == (None, 1)


@pytest.mark.parametrize("text", ["", "opaque", "a.b.c", jwt(exp=True), jwt(exp=1e99, scope=7)])
def test_a_token_that_says_nothing_is_taken_as_it_is(text: str) -> None:
    token = read_token(text)
    assert (token.expires_at, token.scopes) == (None, ())
    assert fault(token, app=APP, dataset=Dataset.delivery, now=1e9) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"reason":"no"}', "no"), (b"plain", "plain"),
        (b'{"error":{"x":1}}', '{"error":{"x":1}}'),
        (b"<html>", None), (b"", None), (b'{"message":"' + b"a" * 999 + b'"}', "a" * 300),
    ],
)  # fmt: skip
def test_whatever_text_there_is_is_the_reason(body: bytes, words: str | None) -> None:
    assert export_api.words_of(body) == words
