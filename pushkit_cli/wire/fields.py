"""What HTTP/2 allows in the headers of requests and answers. Pure.

What is malformed (8.1.1) ends the connection: nobody who works writes it, and so it is seen.
"""

import re
from functools import lru_cache
from itertools import chain, takewhile

from pushkit_cli.apns.message import Headers
from pushkit_cli.wire.frames import ConnectionEnd

_FIELD = rb":?[!-9;-@\[-~]+\0(?:[^\0\t\n\r ](?:[^\0\n\r]*[^\0\t\n\r ])?)?"
_FIELDS = re.compile(rb"(?:%b(?:\0|\Z))*" % _FIELD)
_OF_REQUESTS = frozenset({b":method", b":scheme", b":authority", b":path"})
_OF_ANSWERS = frozenset({b":status"})
_OF_TRAILERS = frozenset[bytes]()
_OF_HTTP1 = frozenset(
    {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"}
)


def check_request(headers: Headers) -> int | None:
    """How long its body is said to be. Raises ConnectionEnd for what is no request (8.3.1)."""
    _check(headers, _OF_REQUESTS)
    fields = dict(headers)
    method = fields.get(b":method")
    if method is None:
        raise ConnectionEnd("a request without :method")
    if method == b"CONNECT":  # 8.5
        if b":scheme" in fields or b":path" in fields:
            raise ConnectionEnd("CONNECT with :scheme or :path")
    elif not fields.get(b":path") or b":scheme" not in fields:
        raise ConnectionEnd("a request without :scheme or :path")
    if b":authority" not in fields or b"host" in fields:
        _check_host(headers)
    return body_length(headers) if b"content-length" in fields else None


def check_answer(headers: Headers) -> int:
    """The status. Raises ConnectionEnd unless these can be the headers of an answer (8.3.2)."""
    _check(headers, _OF_ANSWERS)
    name, status = headers[0] if headers else (b"", b"")
    if name != b":status":
        raise ConnectionEnd("an answer without :status")
    if len(status) != 3 or not status.isdigit():
        raise ConnectionEnd(f"{status!r} is no status")
    return int(status)


def check_trailers(headers: Headers) -> None:
    """Raises ConnectionEnd unless these can come after a body (8.1)."""
    _check(headers, _OF_TRAILERS)


def body_length(headers: Headers) -> int | None:
    """What content-length says, if it is there; raises ConnectionEnd for what is none (8.1.1)."""
    said = {value for name, value in headers if name == b"content-length"}
    if not said:
        return None
    if not all(value.isdigit() and len(value) < 20 for value in said):
        raise ConnectionEnd("a content-length that is no number")
    lengths = {int(value) for value in said}
    if len(lengths) > 1:
        raise ConnectionEnd("two content-lengths")
    return lengths.pop()


def check_length(said: int | None, size: int, *, ended: bool) -> None:
    """Raises ConnectionEnd where a body is not, or cannot be, as long as was said (8.1.1)."""
    if said is not None and (size > said or (ended and size < said)):
        raise ConnectionEnd("a body that is not as long as it says")


def _check(headers: Headers, allowed: frozenset[bytes]) -> None:
    joined = b"\0".join(chain.from_iterable(headers))
    between = max(0, 2 * len(headers) - 1)
    if joined.count(0) != between or _FIELDS.fullmatch(joined) is None:  # 8.2.1
        odd = [name for name, value in headers if not re.fullmatch(_FIELD, name + b"\0" + value)]
        raise ConnectionEnd(f"an illegal header: {b', '.join(odd)[:80]!r}")
    names = tuple([name for name, _ in headers])
    flaw = _misplaced(names, allowed)
    if flaw is not None:
        raise ConnectionEnd(flaw)
    if b"te" in names and any(n == b"te" and v.lower() != b"trailers" for n, v in headers):
        raise ConnectionEnd("TE that is not trailers")  # 8.2.2


@lru_cache(maxsize=256)
def _misplaced(names: tuple[bytes, ...], allowed: frozenset[bytes]) -> str | None:
    """What is wrong with the order and the choice of names (8.2.2, 8.3)."""
    pseudo = tuple(takewhile(lambda name: name.startswith(b":"), names))
    others = names[len(pseudo) :]
    if any(name.startswith(b":") for name in others):
        return "a pseudo-header after a header"
    if len(set(pseudo)) < len(pseudo):
        return "a pseudo-header twice"
    if not allowed.issuperset(pseudo):
        return f"a pseudo-header that has no place here: {b', '.join({*pseudo} - allowed)[:80]!r}"
    if not _OF_HTTP1.isdisjoint(others):
        return "a header of a connection of HTTP/1"
    return None


def _check_host(headers: Headers) -> None:
    """One name of the host, in whichever header (8.3.1)."""
    said = [value for name, value in headers if name in (b":authority", b"host")]
    if not said or len({*said}) > 1 or [name for name, _ in headers].count(b"host") > 1:
        raise ConnectionEnd("not one :authority or host")
