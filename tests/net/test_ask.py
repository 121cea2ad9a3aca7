"""One request to a service over httpx: what is heard, and what every failure is called."""

from pathlib import Path

import httpcore
import httpx
import pytest
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated

from pushkit_cli.apns.message import Request, Response
from pushkit_cli.errors import NotSentError, PushkitError, UnknownOutcomeError, UntrustedError
from pushkit_cli.net import rest
from pushkit_cli.net.proxy import Proxy
from pushkit_cli.net.sender import Endpoint
from pushkit_cli.net.tls import client_context
from tests.cli import hosts
from tests.cli.hosts import Behaviour, always, answers, connect_proxy, raw_host
from tests.net.test_rest import FOREIGN, raised

_QUICK_S = 0.1
_PATH = b"/1/apps/com.example.app/channels"


def _request(method: str = "GET", body: bytes = b"") -> Request:
    headers = (
        (b":method", method.encode()),
        (b":scheme", b"https"),
        (b":authority", b"manage.example:2195"),
        (b":path", _PATH),
        (b"authorization", b"bearer x.y.z"),
        (b"apns-channel-id", b"dHN0LXNyY2g="),
    )
    return Request(headers=headers, body=body, body_size=len(body))


def _endpoint(port: int) -> Endpoint:
    return Endpoint(host="127.0.0.1", port=port)


def _asked(host: hosts.RawHost, request: Request, timeout: float = hosts.PATIENCE_S) -> Response:
    return rest.ask(_endpoint(host.port), client_context(host.ca_file), request, timeout=timeout)


@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("POST", b"{}"), ("DELETE", b"")])
def test_a_request_arrives_as_it_is_and_the_answer_too(
    tmp_path: Path, method: str, body: bytes
) -> None:
    said = Response(status=201, headers=((b"apns-channel-id", b"abc"),), body=b"x" * 200_000)
    with raw_host(tmp_path, always(said)) as host:
        assert _asked(host, _request(method, body)) == said
    (heard,) = host.asked
    assert (heard.method, heard.path, heard.body) == (method, _PATH, body)
    expected = {*_request(method).headers}
    assert {*heard.headers} - {(b"content-length", b"%d" % len(body))} == expected


FAILURES: dict[str, tuple[Behaviour, type[PushkitError], str]] = {
    "silence": (hosts.silence, UnknownOutcomeError, "no answer in time"),
    "not even settings": (hosts.mute_from_the_start, UnknownOutcomeError, "no answer in time"),
    "half an answer": (hosts.half_an_answer, UnknownOutcomeError, "no answer"),
    "garbage": (hosts.garbage, UnknownOutcomeError, "no answer"),
    "HTTP/1": (hosts.http1_text, UnknownOutcomeError, "no answer"),
    "going away at once": (hosts.going_away, NotSentError, "the server is going away"),
}


@pytest.mark.parametrize(("behave", "kind", "said"), FAILURES.values(), ids=FAILURES.keys())
def test_what_a_bad_host_does_is_known_or_not(
    tmp_path: Path, behave: Behaviour, kind: type[PushkitError], said: str
) -> None:
    with raw_host(tmp_path, behave) as host, pytest.raises(kind) as caught:
        _asked(host, _request(), timeout=_QUICK_S * 3)
    assert said in caught.value.message
    assert caught.value.hint
    assert host.connections == 1


def test_a_host_of_another_protocol_or_name_hears_nothing(tmp_path: Path) -> None:
    table = {
        "does not speak HTTP/2": raw_host(tmp_path / "a", hosts.silence, alpn="http/1.1"),
        "did not complete TLS": raw_host(tmp_path / "b", hosts.no_tls, tls=False),
        "that is not trusted": raw_host(tmp_path / "c", hosts.silence, names=("a.example",)),
    }
    for said, bad in table.items():
        with bad as host, pytest.raises(NotSentError, match=said) as caught:
            _asked(host, _request())
        assert isinstance(caught.value, UntrustedError) is (said != "did not complete TLS")
        assert not host.has_a_request.is_set()


def test_an_answer_without_end_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "MAX_LISTING_BYTES", 100_000)
    long = Response(status=200, body=b"x" * 100_001)
    with (
        raw_host(tmp_path, always(long)) as host,
        pytest.raises(UnknownOutcomeError, match="has no end"),
    ):
        _asked(host, _request())


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (_endpoint(1), "connection refused"),
        (Endpoint(host="nowhere.invalid", port=443), "no address is known"),
    ],
)
def test_nobody_there_is_not_sent(place: Endpoint, said: str) -> None:
    with pytest.raises(NotSentError, match=said):
        rest.ask(place, client_context(None), _request(), timeout=hosts.PATIENCE_S)


def test_a_proxy_leads_there_and_may_refuse(tmp_path: Path) -> None:
    with raw_host(tmp_path, always(Response(status=200)), names=("manage.example",)) as host:
        place, trust = Endpoint(host="manage.example", port=2195), client_context(host.ca_file)
        with connect_proxy(onward=host.port) as proxy:
            via = Proxy(host="127.0.0.1", port=proxy.port)
            answer = rest.ask(place, trust, _request(), timeout=hosts.PATIENCE_S, proxy=via)
            assert answer.status == 200
        assert proxy.requests == ["CONNECT manage.example:2195 HTTP/1.1"]
        assert b"bearer" not in bytes(proxy.carried)
        with connect_proxy() as proxy, pytest.raises(NotSentError, match="refused: 403 No"):
            via = Proxy(host="127.0.0.1", port=proxy.port)
            rest.ask(place, trust, _request(), timeout=hosts.PATIENCE_S, proxy=via)
    assert len(host.asked) == 1


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_every_error_of_httpx_has_a_meaning(kind: type[BaseException]) -> None:
    errand = rest.Errand(_endpoint(1), None)
    before = errand.failed(raised(kind))
    assert isinstance(before, NotSentError)
    errand.left = True
    after = errand.failed(raised(kind))
    assert isinstance(after, NotSentError if kind is httpx.ProxyError else UnknownOutcomeError)
    assert before.hint
    assert after.hint


@pytest.mark.parametrize(
    ("last", "kind"), [(0, NotSentError), (1, UnknownOutcomeError), (None, NotSentError)]
)
def test_a_goaway_tells_why_and_whether_it_was_heard(
    last: int | None, kind: type[PushkitError]
) -> None:
    event = ConnectionTerminated()
    event.error_code, event.last_stream_id = ErrorCodes.NO_ERROR, last
    event.additional_data = b'{"reason":"BadCertificateEnvironment"}'
    error = httpx.RemoteProtocolError("<ConnectionTerminated>")
    error.__cause__ = httpcore.RemoteProtocolError(event)
    errand = rest.Errand(_endpoint(1), None)
    errand.left = True
    found = errand.failed(error)
    assert isinstance(found, kind)
    assert "BadCertificateEnvironment" in found.message


def test_a_second_request_on_the_way_is_none_of_ours(tmp_path: Path) -> None:
    """Redirects are not followed, and nothing is asked twice."""
    away = Response(status=307, headers=((b"location", b"https://elsewhere.example/"),))
    with raw_host(tmp_path, answers(lambda _: away)) as host:
        assert _asked(host, _request()).status == 307
    assert len(host.asked) == 1
