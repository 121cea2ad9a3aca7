"""The switches of `pushkit listen`, each seen by a client on a connection of its own."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from pushkit_cli.apns import message
from pushkit_cli.apns.message import Response
from pushkit_cli.apns.push import Push, PushType
from pushkit_cli.apns.token import mint
from pushkit_cli.net.sender import Endpoint, connect
from pushkit_cli.net.tls import client_context
from pushkit_cli.wire.client import Answered, ClientConnection
from tests.commands import listening

NOBODY = "5f" * 32


class Client:
    """One connection to a listener, one push at a time."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self._ready = ready
        self._key = Path(ready["key_file"]).read_bytes()
        self._tokens: dict[float, str] = {}
        self._wire = ClientConnection()
        context = client_context(Path(ready["ca_file"]))
        where = Endpoint(host=ready["host"], port=ready["port"])
        self._tls = connect(where, context, timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._tls.close()

    @property
    def streams(self) -> int:
        """The limit as it was last announced; nothing is open now."""
        return self._wire.room

    @property
    def goodbye(self) -> bytes | None:
        """What the listener said with GOAWAY."""
        return None if self._wire.goaway is None else self._wire.goaway.debug

    def push(self, *, token: str | None = None, age_s: float = 0, body: bytes = b"{}") -> Response:
        """Send a VoIP push with a provider token of this age, and hear the answer."""
        if age_s not in self._tokens:
            self._tokens[age_s] = mint(
                self._key,
                team_id=self._ready["team_id"],
                key_id=self._ready["key_id"],
                now=time.time() - age_s,
            )
        device = self._ready["devices"][0]
        push = Push(
            token=token or device["tokens"]["voip"],
            payload=body,
            topic=f"{device['bundle_id']}.voip",
            push_type=PushType.voip,
        )
        request = message.to_request(
            push, authority="localhost", provider_token=self._tokens[age_s]
        )
        stream = self._wire.send(request)
        while True:
            self._tls.sendall(self._wire.outgoing())
            for event in self._wire.receive(self._tls.recv(65_536)):
                assert isinstance(event, Answered), event
                assert event.stream == stream
                return event.response


@contextmanager
def switched(*words: str) -> Iterator[Client]:
    with listening("--port", "0", "--ephemeral", *words) as (_, ready), Client(ready) as client:
        yield client


def _reason(response: Response) -> str | None:
    return json.loads(response.body)["reason"] if response.body else None


def test_without_a_switch_a_connection_has_a_thousand_streams_once_it_is_known() -> None:
    with switched() as client:
        assert client.streams == 1
        assert client.push(age_s=3700).status == 403
        assert client.streams == 1
    with switched() as client:
        assert client.push().status == 200
        assert client.streams == 1000
        for _ in range(3):
            assert _reason(client.push(token=NOBODY)) == "BadDeviceToken"
        assert client.streams == 1000
        assert client.goodbye is None


def test_throttle() -> None:
    with switched("--throttle") as client:
        client.push()
        client.push(token=NOBODY)
        assert client.streams == 1
        client.push()
        assert client.streams == 1000


@pytest.mark.parametrize(
    ("words", "debug"),
    [
        ((), b'{"reason":"BadDeviceToken"}'),
        (("--goaway", "text"), b"BadDeviceToken"),
        (("--goaway", "empty"), b""),
    ],
)
def test_max_refusals_and_goaway(words: tuple[str, ...], debug: bytes) -> None:
    with switched("--max-refusals", "2", *words) as client:
        client.push(token=NOBODY)
        assert client.goodbye is None
        client.push(token=NOBODY)
        assert client.goodbye == debug


def test_provider_token_updates() -> None:
    with switched("--provider-token-updates", "2") as client:
        assert [client.push(age_s=age).status for age in (10, 20, 30)] == [200, 200, 429]


@pytest.mark.parametrize(("words", "then"), [((), 403), (("--no-wedge",), 200)])
def test_wedge(words: tuple[str, ...], then: int) -> None:
    with switched(*words) as client:
        assert _reason(client.push(age_s=3700)) == "ExpiredProviderToken"
        assert client.push().status == then


@pytest.mark.parametrize(("words", "status"), [((), 400), (("--malformed-json", "accept"), 200)])
def test_malformed_json(words: tuple[str, ...], status: int) -> None:
    with switched(*words) as client:
        assert client.push(body=b"{").status == status
