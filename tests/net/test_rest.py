"""What httpx raises is translated in one place, whatever it is."""

from collections.abc import Iterator

import httpx
import pytest

from pushkit_cli.errors import NotSentError, PushkitError, UnknownOutcomeError
from pushkit_cli.net.rest import translated


def _every(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__.startswith("httpx"):
            yield from _every(below)


_ROOTS = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)
FOREIGN = sorted({one for kind in _ROOTS for one in _every(kind)}, key=lambda kind: kind.__name__)


def raised(kind: type[BaseException]) -> BaseException:
    if issubclass(kind, httpx.StreamError) and kind is not httpx.StreamError:
        return kind()  # type: ignore[call-arg]
    if kind is httpx.HTTPStatusError:
        asked = httpx.Request("POST", "http://127.0.0.1")
        return httpx.HTTPStatusError("it failed", request=asked, response=httpx.Response(500))
    return kind("it failed\nat length")


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_every_error_of_httpx_is_translated(kind: type[BaseException]) -> None:
    error = raised(kind)
    with pytest.raises(PushkitError) as caught, translated():
        raise error
    assert isinstance(caught.value, NotSentError | UnknownOutcomeError)
    assert caught.value.__cause__ is error
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_what_certainly_was_not_sent_says_so() -> None:
    for error in (httpx.ConnectError("no"), httpx.ProxyError("no"), httpx.InvalidURL("no")):
        with pytest.raises(NotSentError), translated():
            raise error
    for late in (httpx.ReadError("no"), httpx.WriteError("no"), httpx.RemoteProtocolError("no")):
        with pytest.raises(UnknownOutcomeError), translated():
            raise late


def test_every_error_that_httpx_exports_was_met() -> None:
    exported = {
        one for one in vars(httpx).values() if isinstance(one, type) and issubclass(one, Exception)
    }
    assert exported - {*FOREIGN} == {httpx.CookieConflict}
