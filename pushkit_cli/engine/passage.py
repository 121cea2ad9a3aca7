"""How requests get to a host: where it is, who signs, by which way, and how patiently."""

import ssl
from dataclasses import dataclass, fields
from typing import Any

from pushkit_cli.apns import message
from pushkit_cli.apns.message import Request
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.signing import Signer, signer
from pushkit_cli.engine.where import Way, Where, check_may_sign_there, proxy_there
from pushkit_cli.net.proxy import Proxy
from pushkit_cli.net.tls import client_context
from pushkit_cli.store.keystore import TokenCache


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A way that was chosen, before anything went it.

    `app` is whose credential signs. `timeout` is in seconds, of all tries together. `warnings`
    are said before sending.
    """

    where: Where
    signer: Signer
    app: str | None
    cache: TokenCache
    proxy: Proxy | None
    timeout: float
    retries: int
    insecure: bool
    warnings: tuple[str, ...]

    def context(self) -> ssl.SSLContext:
        """Whom to trust there, and with a certificate who we are. Raises ConfigError."""
        files = self.signer.certificate
        pair = None if files is None else (files.chain_file, files.key_file)
        return client_context(self.where.cacert, certificate=pair, insecure=self.insecure)

    def parts(self) -> dict[str, Any]:
        """Its fields by name, for a plan that adds others."""
        return {one.name: getattr(self, one.name) for one in fields(Passage)}


def passage(
    way: Way, where: Where, *, app: str | None, setting: Setting, listener: dict[str, Any] | None
) -> Passage:
    """Who signs there, and how to get there. Raises the errors of `where` and `signing`."""
    check_may_sign_there(way, where)
    who = signer(where, app=app, setting=setting, listener=listener)
    cache, warning = setting.token_cache()
    return Passage(
        where=where,
        signer=who,
        app=app,
        cache=cache,
        proxy=proxy_there(way, where, setting),
        timeout=way.timeout,
        retries=way.retries,
        insecure=way.insecure,
        warnings=() if warning is None else (warning,),
    )


def with_credential(request: Request, provider_token: str | None) -> Request:
    """The request as it leaves, its provider token first among the ordinary headers."""
    if provider_token is None:
        return request
    headers, at = request.headers, 0
    while at < len(headers) and headers[at][0].startswith(b":"):
        at += 1
    bearer = (message.AUTHORIZATION, b"bearer " + provider_token.encode("ascii"))
    signed = (*headers[:at], bearer, *headers[at:])
    return Request(headers=signed, body=request.body, body_size=request.body_size)
