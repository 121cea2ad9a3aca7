"""How a fleet reaches its host: addresses in turn, pauses between tries, what stands in the way."""

import asyncio
import socket
import ssl
from random import Random
from typing import Any

import pytest

from pushkit_cli.engine.local import Trust, ensure_trust
from pushkit_cli.errors import NotSentError, UntrustedError
from pushkit_cli.net.backoff import pause_s
from pushkit_cli.net.fleet import Fleet
from pushkit_cli.net.proxy import Proxy
from pushkit_cli.net.sender import Endpoint
from pushkit_cli.net.tls import client_context
from pushkit_cli.store.files import Home
from tests.net.visitors import Script, Sheaf, apns, drive, route, until_gone, visited
from tests.wire.pair import post

SOON_S = 0.2


# Where no connection comes about


def test_a_closed_port_is_tried_again_with_pauses(context: ssl.SSLContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    def prepare(sheaf: Sheaf, _: Fleet) -> None:
        sheaf.endure = 3

    at = route(Endpoint(host="127.0.0.1", port=port), context)
    done = drive(at, [post()], prepare=prepare)
    assert done.outcomes == {}
    assert [str(error) for error in done.troubles] == [
        f"127.0.0.1:{port} cannot be reached: connection refused"
    ] * 4
    assert not any(isinstance(error, UntrustedError) for error in done.troubles)


def test_a_name_without_an_address_is_said(context: ssl.SSLContext) -> None:
    done = drive(route(Endpoint(host="nowhere.invalid", port=443), context), [post()])
    assert "no address is known for nowhere.invalid" in str(done.troubles)


def test_another_authority_is_not_trusted(
    trust: Trust, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = ensure_trust(Home(tmp_path_factory.mktemp("other") / "home"))
    with visited(trust, until_gone) as there:
        done = drive(route(there, client_context(other.ca_file)), [post()])
    (error,) = done.troubles
    assert isinstance(error, UntrustedError)
    assert "not trusted" in error.message


@pytest.mark.parametrize(
    "script",
    [lambda visitor: None, lambda visitor: visitor.sendall(bytes(5000)), until_gone],
    ids=["at once", "zeros", "silence"],
)
def test_a_handshake_that_does_not_end_is_said_in_time(
    context: ssl.SSLContext, script: Script
) -> None:
    with visited(None, script) as there:
        done = drive(route(there, context, timeout=SOON_S), [post()])
    (error,) = done.troubles
    assert isinstance(error, NotSentError)
    assert "did not complete TLS" in error.message


def test_a_proxy_that_is_not_there_is_said(context: ssl.SSLContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    at = route(
        Endpoint(host="localhost", port=1), context, proxy=Proxy(host="127.0.0.1", port=port)
    )
    assert "cannot be reached" in str(drive(at, [post()]).troubles)


# Addresses and pauses


def test_connections_take_the_addresses_of_a_host_in_turn_and_skip_a_dead_one(
    trust: Trust, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`localhost` with a dead address first: nothing listens on 127.0.0.2 there."""
    asked: list[list[str]] = []

    with visited(trust, apns()) as there:
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (where, there.port))
            for where in ("127.0.0.2", "127.0.0.1")
        ]

        async def look_up(_: Any, host: str, port: int, **__: Any) -> list[Any]:
            asked.append([host, str(port)])
            return found

        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", look_up)
        done = drive(
            route(Endpoint(host="localhost", port=there.port), context),
            [post()] * 40,
            connections=3,
        )
    assert done.words == ["200"] * 40
    assert done.troubles == []
    assert asked == [["localhost", str(there.port)]] * 3, "each connection looks the name up anew"


@pytest.mark.parametrize(
    ("attempt", "least", "most"),
    [(1, 0.1, 0.3), (2, 0.2, 0.6), (3, 0.4, 1.2), (8, 12.8, 38.4), (9, 15, 45), (2000, 15, 45)],
)
def test_pauses_double_up_to_a_bound_and_are_spread(
    attempt: int, least: float, most: float
) -> None:
    random = Random(7)
    pauses = [pause_s(attempt, random) for _ in range(200)]
    assert least <= min(pauses) < max(pauses) <= most
    assert len(set(pauses)) == 200
    assert pauses == [pause_s(attempt, again) for again in [Random(7)] for _ in range(200)]
