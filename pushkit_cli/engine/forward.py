"""The app under test as a URL: each push is posted there, and a 2xx is a report.

Who receives it can tell that it comes from here: it is signed with a secret of this home.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pushkit_cli.apns.push import PushType
from pushkit_cli.emulator.moves import CallApp
from pushkit_cli.engine import host
from pushkit_cli.engine.outside import Note, Outcome
from pushkit_cli.engine.where import is_loopback
from pushkit_cli.errors import ConfigError, PushkitError, UsageError
from pushkit_cli.net.proxy import proxy_for
from pushkit_cli.net.rest import Answer, Place
from pushkit_cli.phone.device import CALLS_APP
from pushkit_cli.store.files import Home

SEATS = 64
"""Requests under way at once, to all URLs together (ours)."""
SECRET_FILE = "local/forward.secret"  # noqa: S105 (where it is)
_WORDS = ("reported", "refused", "ended")


def secret_of(home: Home) -> Path:
    """The file with the secret that signs, made on first use."""
    home.folder("local")
    with home.lock("local/lock"):
        if not (home.read(SECRET_FILE) or b"").strip():
            home.write(SECRET_FILE, f"{secrets.token_hex(32)}\n".encode("ascii"))
    return home.path / SECRET_FILE


def signature(secret: bytes, body: bytes, at: int) -> str:
    """The value of `pushkit-signature`; `at` is Unix seconds."""
    digest = hmac.new(secret, b"%d.%s" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def check(url: str, kind: PushType | None) -> None:
    """Raise UsageError for a URL that nothing can be posted to, or a type no app is called for."""
    hint = "--forward-to http://127.0.0.1:3000/push"
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError:  # its words may hold a password
        raise UsageError("--forward-to: that is no URL", hint=hint) from None
    if split.scheme not in ("http", "https") or not split.hostname:
        raise UsageError("--forward-to takes an http or https URL", hint=hint)
    if kind is not None and kind not in CALLS_APP:
        raise UsageError(
            f"--forward-to: no app is called for {kind}, the system handles it",
            hint=f"types that reach an app: {', '.join(sorted(CALLS_APP))}",
        )


def shown(url: str) -> str:
    """A URL as it may be told: credentials, path and query may each be a secret."""
    split = urlsplit(url)
    name = split.hostname or ""
    name = f"[{name}]" if ":" in name else name
    return f"{split.scheme}://{name if split.port is None else f'{name}:{split.port}'}"


class Forward:
    """Posts each push to the URL of its type, else to that of all; without one the app is good."""

    def __init__(
        self,
        urls: Mapping[PushType | None, str],
        *,
        secret: bytes,
        variables: Mapping[str, str],
    ) -> None:
        """Raises ConfigError for a PUSHKIT_CA_BUNDLE, UsageError for a proxy that is none."""
        self._urls = urls
        self._secret = secret.strip()
        self._places = {url: _place(url, variables) for url in urls.values()}

    async def handle(self, call: CallApp, note: Note) -> Outcome:
        """Post one push, and read what it came to. Cancelled it closes the connection."""
        del note
        url = self._urls.get(call.type, self._urls.get(None))
        if url is None:
            return Outcome(good=True)
        loop = asyncio.get_running_loop()
        began = loop.time()
        body = json.dumps(call.payload).encode("ascii")
        try:
            answer = await self._places[url].post(body, self._headers(call, body))
        except PushkitError as error:
            detail = f"{error.message} from {shown(url)}"
            return Outcome(good=False, reason="no-answer", detail=detail)
        took_ms = (loop.time() - began) * 1000
        return _outcome(answer, f"{answer.phrase} after {took_ms:.0f} ms from {shown(url)}")

    async def close(self) -> None:
        """Close every connection."""
        for place in self._places.values():
            await place.close()

    def _headers(self, call: CallApp, body: bytes) -> dict[str, str]:
        said = {
            "pushkit-push-id": call.push_id,
            "pushkit-device": call.device,
            "pushkit-app": call.bundle_id,
            "pushkit-type": str(call.type),
            "pushkit-apns-id": call.apns_id,
            "pushkit-lock": call.lock.value,
            "pushkit-signature": signature(self._secret, body, int(host.now())),
            "content-type": "application/json",
            "user-agent": "pushkit",
        }
        return {name: value for name, value in said.items() if value is not None}


def _place(url: str, variables: Mapping[str, str]) -> Place:
    split = urlsplit(url)
    name = split.hostname or ""
    direct = split.scheme == "http" or is_loopback(name)
    bundle = variables.get("PUSHKIT_CA_BUNDLE")
    proxy = None if direct else proxy_for(name, explicit=None, variables=variables)
    try:
        return Place(url, cacert=Path(bundle) if bundle else None, proxy=proxy)
    except ConfigError as error:
        raise ConfigError(error.message, hint="check PUSHKIT_CA_BUNDLE") from error


def _outcome(answer: Answer, told: str) -> Outcome:
    if not answer.is_good:
        redirect = "; redirects are not followed" if 300 <= answer.status < 400 else ""
        return Outcome(good=False, reason="failed", detail=f"{told}{redirect}")
    return Outcome(good=True, said=answer.body if _is_for_us(answer.body) else b"")


def _is_for_us(body: bytes) -> bool:
    """Whether a body speaks of a call: most servers answer something of their own."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and any(word in value for word in _WORDS)
