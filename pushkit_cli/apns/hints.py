"""What to do about a refusal, in one line, from what is known about the push. Pure."""

from pushkit_cli.apns import message
from pushkit_cli.apns.facts import Device
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import Environment, known_type, split_topic, topic_for
from pushkit_cli.apns.reasons import REASONS


def hint(
    word: str | None, request: Request, *, environment: Environment, device: Device | None = None
) -> str | None:
    """The most specific remedy that the facts allow; `None` for a word nobody knows.

    `device` is what the reader's own records say about the token, if anything.
    """
    specific = None
    if word in ("InvalidPushType", "BadTopic"):
        specific = _twice(request)
    if word == "InvalidPushType" and specific is None:
        specific = _type_and_topic(request)
    if word == "BadDeviceToken" and device is not None:
        specific = _environment(device, environment)
    elif word == "DeviceTokenNotForTopic" and device is not None:
        specific = f"send it with the topic {device.topic}, or to another of the app's tokens"
    if specific is not None:
        return specific
    reason = REASONS.get(word or "")
    return None if reason is None else reason.remedy


def _twice(request: Request) -> str | None:
    parts = split_topic(request.field(message.TOPIC) or "")
    if parts.suffix and split_topic(parts.bundle_id).suffix:
        return f"the suffix stands twice: send the topic {parts.bundle_id}"
    return None


def _type_and_topic(request: Request) -> str | None:
    topic = request.field(message.TOPIC)
    kind = known_type(request.field(message.PUSH_TYPE))
    if topic is None:
        return None
    parts = split_topic(topic)
    if kind in parts.types:
        return None
    right = " or ".join(parts.types)
    if kind is None:
        return f"send --type {right}"
    return f"send --type {right}, or the topic {topic_for(parts.bundle_id, kind)}"


def _environment(device: Device, environment: Environment) -> str | None:
    if device.environment is environment:
        return None
    if device.recorded is not None:
        date = f"this token was registered as {device.environment} on {device.recorded}"
        return f"{date}; add --env {device.environment}"
    return f"this token was issued for {device.environment}; you asked {environment}"
