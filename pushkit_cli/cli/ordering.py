"""From the words of `pushkit send` to an Order: files read, shorthands understood."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pushkit_cli.apns.compose import Words
from pushkit_cli.apns.payload import Malformed, parse_json
from pushkit_cli.apns.push import PushType, known_type
from pushkit_cli.apns.words import no_push_type
from pushkit_cli.cli import activity_options, way
from pushkit_cli.cli.options import Expires, file_bytes
from pushkit_cli.engine import host
from pushkit_cli.engine.given import read_given
from pushkit_cli.engine.planning import Order
from pushkit_cli.engine.where import Target
from pushkit_cli.errors import UsageError

if TYPE_CHECKING:
    from pushkit_cli.engine.again import Again

_FROM_HISTORY = ("channel", "app", "env", "topic", "priority", "collapse_id", "payload")
_SIMULATOR_KEY = "Simulator Target Bundle"
_BODY_OPTIONS = ("title", "subtitle", "body", "sound", "badge", "container", "domain")


def filled(options: Mapping[str, Any], again: "Again") -> dict[str, Any]:
    """What the command line says, and where it is silent what was sent then.

    Raises UsageError where it says what the push then was not.
    """
    if options["push_type"] not in (None, again.push_type):
        raise UsageError(
            f"what was sent is of type {again.push_type}", hint="leave --type out, or --last"
        )
    said = {name for name, _ in options["headers"]}
    kept = tuple(pair for pair in again.headers if pair[0] not in said)
    then = None if not again.is_dated else Expires(at=again.expiration, within_s=again.expires_in)
    return {
        **options,
        **{name: getattr(again, name) for name in _FROM_HISTORY if options[name] is None},
        "push_type": again.push_type,
        "to": again.to,
        "headers": (*kept, *options["headers"]),
        "expiration": then if options["expiration"] is None else options["expiration"],
    }


def order_from(options: Mapping[str, Any]) -> Order:
    """Everything the command line says. Raises UsageError where two words contradict."""
    push_type = options["push_type"]
    app = options["app"]
    raw = None if options["payload"] is None else _source(options["payload"], "--payload")
    words = _words(options)
    base = None
    if raw is not None:
        base, bundle = _simulator_file(raw)
        app = app or bundle
        if base is not None and (bundle or not words.silent):
            raw = None
        elif not words.silent:
            raise UsageError(
                "--payload is not a JSON object, so nothing can be added to it",
                hint="leave out -d and its kin, or mend the file",
            )
        else:
            base = None
    if push_type is None:
        raise UsageError("--type is missing", hint=f"say one of {', '.join(PushType)}: --type voip")
    _check_single(options)
    expires: Expires | None = options["expiration"]
    return Order(
        push_type=push_type,
        to=options["to"],
        channel=options["channel"],
        app=app,
        env=None if options["env"] is None else Target(options["env"]),
        words=replace(words, base=base),
        payload=raw,
        topic=options["topic"],
        priority=options["priority"],
        expiration=None if expires is None else expires.at,
        expires_in=None if expires is None else expires.within_s,
        without_expiration=expires == Expires(),
        collapse_id=options["collapse_id"],
        apns_id=options["apns_id"],
        headers=options["headers"],
        lint=not options["without_lint"],
        **{name: options[name] for name in way.NAMES},
    )


def _words(options: Mapping[str, Any]) -> Words:
    said = {name: options[name] for name in _BODY_OPTIONS}
    activity = activity_options.keys_of(options, _object, now=host.now())
    return Words(data=options["data"], activity=activity, **said)


def _check_single(options: Mapping[str, Any]) -> None:
    if options["apns_id"] is not None and len(options["to"]) > 1:
        raise UsageError(
            "one --apns-id cannot name several pushes", hint="leave it out: APNs makes one for each"
        )
    if known_type(options["push_type"]) is None and options["topic"] is None:
        raise no_push_type(options["push_type"], hint="; a newer one needs --topic and --no-lint")


def _source(text: str | bytes, option: str) -> bytes:
    """A file's bytes, standard input for `-`, or the text itself where it is JSON, or bytes."""
    if isinstance(text, bytes):
        return text
    if text == "-":
        return file_bytes(Path(text))
    if text.lstrip().startswith(("{", "[")):
        return text.encode("utf-8", "surrogateescape")
    try:
        return read_given(Path(text))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"{option} {text} cannot be read: {reason.lower()}",
            hint="it takes a file, - for standard input, or JSON that begins with {",
        ) from error


def _object(text: str, option: str) -> dict[str, Any]:
    read = parse_json(_source(text, option))
    if isinstance(read, Malformed) or not isinstance(read.value, dict):
        raise UsageError(f"{option} is not a JSON object", hint='write {"score": 1}')
    return read.value


def _simulator_file(raw: bytes) -> tuple[dict[str, Any] | None, str | None]:
    """A body as an object, and the app that an .apns file names in a key the phone never sees."""
    read = parse_json(raw)
    if isinstance(read, Malformed) or not isinstance(read.value, dict):
        return None, None
    bundle = read.value.pop(_SIMULATOR_KEY, None)
    return read.value, bundle if isinstance(bundle, str) else None
