"""Which tokens a device hands out, and what they are. Pure.

Mirrors PKPushRegistry as far as a server sees it: one token per app, type and environment.
"""

import hashlib

from pushkit_cli.apns.push import (
    MDM_TOPIC_PREFIX,
    PASS_TYPE_PREFIX,
    PUSH_TYPES,
    Auth,
    Environment,
    PushType,
    token_type,
)
from pushkit_cli.phone.availability import is_available

PLATFORMS = ("ios", "ipados", "macos", "visionos", "watchos")
"""Platforms a device can be emulated on."""

FIRST_TYPES = (PushType.voip, PushType.complication, PushType.alert, PushType.fileprovider)
"""PushKit's own types and the ordinary token: what a person looks for first."""

DEFAULT_DEVICES = (("iphone", "ios"), ("watch", "watchos"))
_HAVE_WALLET = ("ios", "watchos")
OS_VERSIONS = dict.fromkeys(PLATFORMS, "26.5")
"""A device has this version unless another is said: the first with everything there is."""


def token_types(platform: str, app: str = "", *, os: str | None = None) -> tuple[PushType, ...]:
    """The types a device of a platform has tokens for, PushKit's first; `os` is its version.

    Background pushes go to the alert token. A complication token belongs to the watch: its use on
    iOS is deprecated since 13. An MDM topic or a pass type id stands in the place of an app: it
    has the one token that the system gives the MDM server, or Wallet the pass's.
    """
    if app.startswith(MDM_TOPIC_PREFIX):
        return (PushType.mdm,) if platform in PUSH_TYPES[PushType.mdm].platforms else ()
    if app.startswith(PASS_TYPE_PREFIX):
        return (PushType.alert,) if platform in _HAVE_WALLET else ()
    mine = [
        kind
        for kind, row in PUSH_TYPES.items()
        if is_available(kind, platform, os or OS_VERSIONS.get(platform, ""))
        and token_type(kind) is kind
        and row.auth is not Auth.CERTIFICATE
        and not (kind is PushType.complication and platform != "watchos")
    ]
    return tuple(sorted(mine, key=lambda kind: (kind not in FIRST_TYPES, _place(kind))))


def environments(app: str) -> tuple[Environment, ...]:
    """Where an app's tokens are good; passes are pushed in production alone, as MDM is (ours)."""
    if app.startswith((MDM_TOPIC_PREFIX, PASS_TYPE_PREFIX)):
        return (Environment.PRODUCTION,)
    return tuple(Environment)


def _place(kind: PushType) -> int:
    order = [*FIRST_TYPES, *PUSH_TYPES]
    return order.index(kind)


def issue_token(
    *,
    seed: int,
    app: str,
    device: str,
    push_type: PushType,
    environment: Environment,
    before: int = 0,
) -> str:
    """A device token, 32 bytes in hexadecimal: a function of its arguments alone.

    So fixtures may hold it. Length and contents are opaque in Apple's documents. `before` is how
    many such tokens were issued before this one.
    """
    name = "\0".join((str(seed), app, device, push_type, environment))
    if before:
        name += f"\0{before}"
    return hashlib.sha256(f"pushkit device token\0{name}".encode()).hexdigest()
