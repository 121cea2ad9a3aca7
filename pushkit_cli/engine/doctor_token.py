"""Where a device token belongs: asked with a push that APNs must refuse, so no phone rings.

Its type does not fit its topic, its body is `{}`, its expiration 0. Observed of APNs: first comes
BadDeviceToken, then DeviceTokenNotForTopic, then InvalidPushType; the rest is inferred.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pushkit_cli.apns.message import Reply
from pushkit_cli.apns.push import PUSH_TYPES, Auth, PushType, fingerprint, topic_for
from pushkit_cli.engine.doctor_reach import Question, ask, refusal
from pushkit_cli.engine.finding import Finding, How, failure, problem, well
from pushkit_cli.engine.passage import Passage
from pushkit_cli.engine.targets import Known
from pushkit_cli.engine.where import Target
from pushkit_cli.errors import ExitCode, NotSentError, UsageError

_TYPES = (
    *(PushType.voip, PushType.alert, PushType.complication, PushType.fileprovider),
    *(kind for kind, row in PUSH_TYPES.items() if row.auth is not Auth.CERTIFICATE),
)
_MINE, _OTHER_TOPIC, _NOT_HERE = "InvalidPushType", "DeviceTokenNotForTopic", "BadDeviceToken"
_WHY = "a push to it is refused in the environment, or by the topic, that it does not belong to"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A token to ask about; `types` are those it may be of. `expected` is where it should be."""

    name: str
    token: str
    app: str
    types: tuple[PushType, ...]
    expected: Target | None
    again: str

    @classmethod
    def of(cls, one: Known, stated: Target | None) -> "Suspect":
        """One that is recorded, or that the listener issued."""
        return cls(
            name=one.name,
            token=one.token,
            app=one.app,
            types=(one.type,),
            expected=stated or one.target,
            again=f"pushkit register device {one.name} --app {one.app} --type {one.type} "
            "--token HEX --replace --env",
        )

    @classmethod
    def unknown(cls, token: str, app: str, stated: Target | None) -> "Suspect":
        """One that nobody recorded: any type may be its own."""
        return cls(
            name=f"the token {fingerprint(token)}",
            token=token,
            app=app,
            types=tuple(dict.fromkeys(_TYPES)),
            expected=stated,
            again="pushkit send … --env",
        )


def question(token: str, app: str, kind: PushType) -> Question:
    """A push of a type that does not fit the topic of another."""
    kind_asked = PushType.background if PUSH_TYPES[kind].suffix else PushType.voip
    return Question(token=token, topic=topic_for(app, kind), type=kind_asked)


def belongs(suspect: Suspect, ways: Iterator[tuple[Target, Passage]]) -> Iterator[Finding]:
    """Where a token belongs; each way is one environment to ask, the likeliest first."""
    asked: list[str] = []
    for target, way in ways:
        try:
            kind, reply = _asked(suspect, lambda one, way=way: ask(way, one))  # type: ignore[misc]
        except NotSentError as error:
            yield failure("reach", error, why="nobody could be asked about this token")
            return
        asked.append(str(target))
        if reply.reason != _NOT_HERE:
            yield refusal(reply, way) or _found(suspect, target, kind, reply)
            return
    yield problem(
        "token",
        f"{suspect.name}: unknown in {' and '.join(asked)}, for {suspect.app}",
        why=_WHY,
        remedy="is it whole, and of this app? a token is of one app and one environment",
        exit_code=ExitCode.EXPECTATION,
    )


def _asked(suspect: Suspect, send: Callable[[Question], Reply]) -> tuple[PushType, Reply]:
    """The first type whose topic the token is for, or the last answer."""
    for kind in suspect.types:
        reply = send(question(suspect.token, suspect.app, kind))
        if reply.reason != _OTHER_TOPIC:
            break
    return kind, reply


def _found(suspect: Suspect, target: Target, kind: PushType, reply: Reply) -> Finding:
    answered = f"{target} answered {reply.status} {reply.reason or ''}".strip()
    if reply.reason == _OTHER_TOPIC:
        types = " or ".join(suspect.types) if len(suspect.types) == 1 else "any known"
        return problem(
            "token",
            f"{suspect.name}: issued in {target}, and not for the {types} type of {suspect.app} "
            f"({answered})",
            why=_WHY,
            remedy="each app and each push type has a token of its own: take that of this one",
            exit_code=ExitCode.EXPECTATION,
        )
    if reply.reason != _MINE:
        return problem(
            "token",
            f"{suspect.name}: {answered}",
            why=_WHY,
            remedy=f"pushkit explain {reply.reason or reply.status}",
            exit_code=ExitCode.EXPECTATION,
        )
    said = f"{suspect.name}: type {kind} of {suspect.app}, issued in {target} ({answered})"
    if suspect.expected in (None, target):
        return well("token", said, how=How.INFERRED)
    return problem(
        "token",
        f"{said}, and not in {suspect.expected}",
        why=_WHY,
        remedy=f"{suspect.again} {target}",
        how=How.INFERRED,
        exit_code=ExitCode.EXPECTATION,
    )


def other(target: Target) -> Target:
    """The environment a target is most often mistaken for."""
    pairs = ((Target.local, Target.local_production), (Target.sandbox, Target.production))
    return next(b if target is a else a for a, b in pairs if target in (a, b))


def suspects(
    to: str, token: str | None, app: str | None, known: tuple[Known, ...], stated: Target | None
) -> list[Suspect]:
    """Every token that goes by a name, or the one that is named. Raises UsageError."""
    every = [one for one in known if to == one.name or token == one.token]
    mine = [one for one in every if app in (None, one.app)]
    if every and not mine:
        apps = ", ".join(dict.fromkeys(one.app for one in every))
        raise UsageError(f"{to} has no token of {app}", hint=f"it has those of {apps}")
    if stated is not None:  # an emulated device has tokens of both worlds
        here = [one for one in mine if one.target is stated]
        mine = here or [one for one in mine if not one.is_emulated] or mine
    if mine:
        return [Suspect.of(one, stated) for one in mine]
    if token is None:
        names = ", ".join(dict.fromkeys(one.name for one in known)) or "none"
        raise UsageError(
            f"{to} is neither a device nor a token", hint=f"devices known here: {names}"
        )
    if app is None:
        raise UsageError("the app of this token is not known", hint="add --app BUNDLE_ID")
    return [Suspect.unknown(token, app, stated)]
