"""TLS as APNs and its senders use it: 1.2 or later, ALPN h2. Sockets only."""

import ssl
from pathlib import Path
from typing import Any

from pushkit_cli.apns.facts import Trouble
from pushkit_cli.errors import ConfigError

ALPN = "h2"


class _Handshake(ssl.SSLObject):
    """A handshake whose failure the client hears of: asyncio would hang up with the alert unsent.

    So the failure is held back once, for asyncio to write what OpenSSL wants to say.
    """

    outgoing: ssl.MemoryBIO
    failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Go on; a failure is raised when the client says more, leaves, or its time is up."""
        if self.failure is not None:
            raise self.failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLSyscallError):
            raise
        except ssl.SSLError as error:
            if not self.outgoing.pending:
                raise
            self.failure = error
            raise ssl.SSLWantReadError from error


def trouble_of(error: BaseException, ended: ssl.SSLObject | None) -> Trouble | None:
    """What was wrong with a handshake; `None` where a client just left, as probes of a port do.

    `ended` may hold the failure that the client had still to be told of.
    """
    held = ended.failure if isinstance(ended, _Handshake) else None
    error = held or error
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        reason = str(getattr(error, "reason", ""))
        return next((kind for words, kind in _REASONS if words in reason), Trouble.TLS)
    if type(error) is ConnectionAbortedError:  # asyncio's own, where a handshake takes too long
        return Trouble.SLOW
    # It said what it can, was shown the certificate, and went without a word: so does Node.
    has_spoken = ended is not None and bool(ended.shared_ciphers())
    return Trouble.SILENT if has_spoken and isinstance(error, ConnectionResetError) else None


_REASONS = (
    ("ALERT_UNKNOWN_CA", Trouble.UNTRUSTED),
    ("ALERT_BAD_CERTIFICATE", Trouble.UNTRUSTED),  # as Go says it
    ("ALERT_CERTIFICATE_UNKNOWN", Trouble.UNTRUSTED),  # as Java says it
    ("CERTIFICATE_VERIFY_FAILED", Trouble.CERTIFICATE),
    ("HTTP_REQUEST", Trouble.NO_TLS),
    ("WRONG_VERSION_NUMBER", Trouble.NO_TLS),
    ("PACKET_LENGTH_TOO_LONG", Trouble.NO_TLS),
    ("RECORD_LAYER_FAILURE", Trouble.NO_TLS),
)
"""OpenSSL's words for a failure, by what they hold."""


class _ServerContext(ssl.SSLContext):
    sslobject_class = _Handshake

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *more: Any, **named: Any
                 ) -> ssl.SSLObject:  # fmt: skip
        made = super().wrap_bio(incoming, outgoing, *more, **named)
        assert isinstance(made, _Handshake)
        made.outgoing = outgoing
        return made


def server_context(*, chain: Path, key: Path, client_authorities: bytes = b"") -> ssl.SSLContext:
    """What the listener offers. A client that offers no h2 is let in and told off there.

    A client certificate is asked for and not required (observed of Apple's); one that is shown
    has to be vouched for by one of the authorities, in PEM, which need not be roots.
    """
    context = _ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols([ALPN])
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if client_authorities:
        context.load_verify_locations(cadata=client_authorities.decode("ascii"))
    return context


def refusing_context() -> ssl.SSLContext:
    """One that has no certificate to show: every handshake ends in the alert handshake_failure."""
    return _ServerContext(ssl.PROTOCOL_TLS_SERVER)


def client_context(
    cacert: Path | None,
    *,
    certificate: tuple[Path, Path] | None = None,
    insecure: bool = False,
) -> ssl.SSLContext:
    """Whom a sender trusts: `cacert` alone, else the system's roots, else certifi's.

    `certificate` is a chain and its key, both PEM, shown to a server that asks. `insecure` trusts
    everybody. Raises ConfigError for a file that holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=None if cacert is None else str(cacert))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{cacert} holds no certificate that can be read",
            hint="--cacert takes a PEM file; `pushkit env` names the listener's",
        ) from error
    if cacert is None and not system_roots():
        import certifi

        context.load_verify_locations(certifi.where())
    if certificate is not None:
        _show(context, *certificate)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([ALPN])
    return context


def _show(context: ssl.SSLContext, chain: Path, key: Path) -> None:
    try:
        # The password is asked for at registration; a prompt here would hang a script.
        context.load_cert_chain(chain, key, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{chain} and its key do not fit together", hint="register the certificate again"
        ) from error


def system_roots() -> bool:
    """Whether this system has roots of its own."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile is not None and Path(paths.cafile).stat().st_size:
        return True
    return paths.capath is not None and any(Path(paths.capath).glob("*.0"))


def root_bundle() -> bytes:
    """The roots that ordinary HTTPS on this machine trusts, as PEM."""
    cafile = ssl.get_default_verify_paths().cafile
    if cafile is not None and Path(cafile).stat().st_size:
        return Path(cafile).read_bytes()
    import certifi

    return Path(certifi.where()).read_bytes()
