"""Clients that never got as far as a push: what is told of them, and how often. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pushkit_cli.apns.facts import Basis, Trouble
from pushkit_cli.phone.events import Happening

_TOLD = (1, 2, 3, 10, 100, 1_000, 10_000, 100_000)
"""Of each trouble these are told; each event says how many there were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEvent:
    """A client that met the listener and not a device: the keys of a DeviceEvent, and two more.

    `count` is how many there were of its kind so far; `hint` says what to do.
    """

    event: Happening = Happening.WARNING
    push_id: None = None
    device: None = None
    app: None = None
    type: None = None
    apns_id: None = None
    call_id: None = None
    reason: str
    detail: str
    basis: Basis = Basis.OURS
    token: None = None
    channel: None = None
    count: int
    hint: str


TROUBLES: Mapping[Trouble, tuple[str, str]] = {
    Trouble.UNTRUSTED: (
        "a client does not trust the listener's certificate",
        'eval "$(pushkit env)" makes most trust it; curl --cacert, Java PUSHKIT_TRUSTSTORE',
    ),
    Trouble.SILENT: (
        "a client left without a word when it had seen the listener's certificate",
        "it may not trust it: NODE_EXTRA_CA_CERTS for Node, PUSHKIT_TRUSTSTORE for Java",
    ),
    Trouble.NO_TLS: (
        "a client does not speak TLS",
        "APNs is https:// alone: `pushkit env` names the endpoint",
    ),
    Trouble.HTTP1: (
        "a client speaks HTTP/1 over TLS",
        "APNs is HTTP/2 alone: use an HTTP/2 client, as curl --http2 or Node's http2",
    ),
    Trouble.CERTIFICATE: (
        "a client showed a certificate that no authority of this listener vouches for",
        "make one with `pushkit certificate`, or name its authority with --client-ca",
    ),
    Trouble.TLS: (
        "a TLS handshake failed",
        "APNs takes TLS 1.2 and later; look at what the client logs",
    ),
    Trouble.SLOW: (
        "a client did not finish its TLS handshake in time",
        "does it speak TLS at all? a proxy between the two may not",
    ),
}
"""Each trouble in a sentence, and what to do about it."""


class Clients:
    """Counts what went wrong before any push, in one run."""

    def __init__(self) -> None:
        self._seen: Counter[Trouble] = Counter()

    def troubled(self, kind: Trouble) -> ClientEvent | None:
        """What is to be told of one more; `None` where enough was told of its kind."""
        self._seen[kind] += 1
        count = self._seen[kind]
        if count not in _TOLD:
            return None
        detail, hint = TROUBLES[kind]
        if count > 1:
            detail = f"{detail} ({count} so far)"
        return ClientEvent(reason=kind.value, detail=detail, hint=hint, count=count)
