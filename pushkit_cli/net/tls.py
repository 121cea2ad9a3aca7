"""TLS as APNs and its senders use it: 1.2 or later, ALPN h2. Sockets only."""

import ssl
from pathlib import Path

from pushkit_cli.errors import ConfigError

ALPN = "h2"


def server_context(*, chain: Path, key: Path) -> ssl.SSLContext:
    """What the listener offers. A client that offers no h2 is let in and told off there."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols([ALPN])
    return context


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
