"""Since which version of which system a push type can be received there. Pure facts.

Source: Apple, the availability of PKPushType's constants and of the delegate's methods, and the
pages that introduce each push type of APNs; those of location, pushtotalk, liveactivity and
controls are general knowledge.
"""

from collections.abc import Mapping

from pushkit_cli.apns.push import PUSH_TYPES, PushType

Version = tuple[int, ...]

SINCE: Mapping[PushType, Mapping[str, str]] = {
    PushType.voip: {
        "ios": "9.0", "ipados": "9.0", "maccatalyst": "14.0", "watchos": "9.0", "visionos": "1.0",
    },
    PushType.complication: {
        "ios": "9.0", "ipados": "9.0", "maccatalyst": "9.0", "watchos": "6.0",
    },
    PushType.fileprovider: {
        "ios": "11.0", "ipados": "11.0", "maccatalyst": "11.0", "macos": "10.15", "visionos": "1.0",
    },
    PushType.pushtotalk: {"ios": "16.0", "ipados": "16.0"},
    PushType.location: {"ios": "15.0", "ipados": "15.0"},
    PushType.liveactivity: {"ios": "16.1", "ipados": "16.1"},
    PushType.controls: {"ios": "18.0", "ipados": "18.0"},
    PushType.widgets: dict.fromkeys(("ios", "ipados", "macos", "visionos", "watchos"), "26.0"),
    PushType.accessory: {"ios": "26.5"},
}  # fmt: skip
"""A type without a row can be received wherever its row in PUSH_TYPES says; and a system that does
not stand there receives none, though its framework has the constant (voIP on watchOS)."""

DEPRECATED: Mapping[PushType, Mapping[str, str]] = {
    PushType.complication: dict.fromkeys(("ios", "ipados", "maccatalyst"), "13.0"),
}

COMPLETION_SINCE: Mapping[str, str] = {
    "ios": "11.0", "ipados": "11.0", "maccatalyst": "11.0", "macos": "10.15", "watchos": "6.0",
    "visionos": "1.0",
}  # fmt: skip
"""Since when a delegate is given a completion handler (watchOS and macOS never had another)."""

WITHOUT_COMPLETION = frozenset({"ios", "ipados", "maccatalyst", "visionos"})
"""Where the delegate has the deprecated method without one."""

_VOIP_METADATA = (26, 4)
_BROADCASTS = (18,)


def version(text: str) -> Version:
    """A system's version as numbers; what is none counts as 0."""
    return tuple(int(part) if part.isascii() and part.isdigit() else 0 for part in text.split("."))


def is_available(kind: PushType, platform: str, os: str) -> bool:
    """Whether a device can receive a type."""
    if platform not in PUSH_TYPES[kind].platforms:
        return False
    since = SINCE.get(kind, {}).get(platform)
    return since is None or version(os) >= version(since)


def has_voip_metadata(os: str) -> bool:
    """Whether the delegate is told `mustReport` (26.4 of every system)."""
    return version(os) >= _VOIP_METADATA


def has_broadcasts(platform: str, os: str) -> bool:
    """Whether a Live Activity can hear of a channel (iOS and iPadOS 18)."""
    return is_available(PushType.liveactivity, platform, os) and version(os) >= _BROADCASTS
