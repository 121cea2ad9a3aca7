"""What becomes of device tokens once they were issued: changes of records, and events. Pure.

Apple says that a token of a removed app, and one that was replaced, is Unregistered; when a token
expires is not known. That all of it is so at once is ours: Apple takes minutes, or a day.
"""

from dataclasses import replace

from pushkit_cli.apns.facts import Basis, TokenState
from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.emulator.moves import EndToken, Reinstall, RotateToken, Uninstall
from pushkit_cli.emulator.setting_up import Change, next_token
from pushkit_cli.emulator.state import DeviceToken, State
from pushkit_cli.phone.events import DeviceEvent, Happening

Slot = tuple[PushType, Environment]
"""What an app on a device has one token for."""


def outcome(
    event: EndToken | RotateToken | Uninstall | Reinstall, state: State, *, seed: int, now_ms: int
) -> tuple[list[Change], list[DeviceEvent]]:
    """What changes and what the device hears of it; nothing where it is so already.

    Raises ValueError for a device, app or token that is not there, and for a moment to come.
    """
    now = _Moment(state, seed, now_ms)
    match event:
        case EndToken():
            at_ms = _past(event.at_ms, now_ms)
            old = _asked(event, state)
            now.end(old, event.state, at_ms, _ENDINGS[event.state])
        case RotateToken():
            now.renew(_asked(event, state), "rotated")
        case Uninstall():
            at_ms = _past(event.at_ms, now_ms)
            for old in _installed(event, state):
                if old.state is TokenState.LIVE:
                    now.end(old, TokenState.UNREGISTERED, at_ms, "uninstalled")
        case Reinstall():
            for old in _installed(event, state):
                if event.new_tokens:
                    now.renew(old, "reinstalled")
                elif old.state is not TokenState.LIVE:
                    now.revive(old)
    return now.changes, now.events


def current(state: State, device: str, bundle_id: str) -> dict[Slot, DeviceToken]:
    """An app's token of each type and environment: the live one, else the last that was."""
    found: dict[Slot, DeviceToken] = {}
    for token in state.tokens_of(device, bundle_id):
        slot = (token.type, token.environment)
        if slot not in found or found[slot].state is not TokenState.LIVE:
            found[slot] = token
    return found


_ENDINGS = {TokenState.UNREGISTERED: "invalidated", TokenState.EXPIRED: "expired"}


def _past(at_ms: int | None, now_ms: int) -> int | None:
    if at_ms is not None and at_ms > now_ms:
        raise ValueError("a token cannot have ended at a moment to come")
    return at_ms


def _installed(event: Uninstall | Reinstall, state: State) -> list[DeviceToken]:
    found = current(state, event.device, event.bundle_id)
    if not found:
        raise ValueError(_nothing(event.device, event.bundle_id, state))
    return list(found.values())


def _asked(event: EndToken | RotateToken, state: State) -> DeviceToken:
    found = current(state, event.device, event.bundle_id)
    if not found:
        raise ValueError(_nothing(event.device, event.bundle_id, state))
    if (event.type, event.environment) not in found:
        have = dict.fromkeys(str(kind) for kind, _ in found)
        raise ValueError(f"{event.device} has no {event.type} token; it has {', '.join(have)}")
    return found[event.type, event.environment]


def _nothing(device: str, bundle_id: str, state: State) -> str:
    if state.device(device) is None:
        return f"no emulated device is called {device}"
    return f"{device} never had the app {bundle_id}"


class _Moment:
    """Changes and events as they come together, of a state that is still the old one."""

    def __init__(self, state: State, seed: int, now_ms: int) -> None:
        self.changes: list[Change] = []
        self.events: list[DeviceEvent] = []
        self._state = state
        self._seed = seed
        self._now_ms = now_ms

    def end(self, old: DeviceToken, state: TokenState, at_ms: int | None, why: str) -> None:
        """A token that was live ends; one that had ended already, did so otherwise or then."""
        since = old.since_ms if at_ms is None and old.state is state else at_ms
        ended = replace(old, state=state, since_ms=self._now_ms if since is None else since)
        if ended == old:
            return
        self.changes.append((ended.key, ended))
        basis = Basis.DOCUMENTED if why == "invalidated" else Basis.OURS
        detail = f"{_named(ended)}: {why}"
        self._tell(Happening.TOKEN_INVALIDATED, ended, why, detail, basis)

    def renew(self, old: DeviceToken, why: str) -> None:
        """The next token takes the place of the last."""
        if old.state is TokenState.LIVE:
            ended = replace(old, state=TokenState.UNREGISTERED, since_ms=self._now_ms)
            self.changes.append((ended.key, ended))
        new = next_token(old, self._state, seed=self._seed)
        self.changes.append((new.key, new))
        self._tell(Happening.TOKEN_UPDATED, new, why, f"{_named(new)}: {why}")

    def revive(self, old: DeviceToken) -> None:
        """The app is back and gets the token it had (ours: a phone may give it another)."""
        live = replace(old, state=TokenState.LIVE, since_ms=None)
        self.changes.append((live.key, live))
        detail = f"{_named(live)}: reinstalled"
        self._tell(Happening.TOKEN_UPDATED, live, "reinstalled", detail, Basis.OURS)

    def _tell(
        self,
        event: Happening,
        token: DeviceToken,
        why: str,
        detail: str,
        basis: Basis = Basis.DOCUMENTED,
    ) -> None:
        self.events.append(
            DeviceEvent(
                event=event,
                push_id=None,
                device=token.device,
                app=token.bundle_id,
                type=token.type,
                reason=why,
                detail=detail,
                basis=basis,
                token=token.token,
            )
        )


def _named(token: DeviceToken) -> str:
    return f"{token.environment} token {token.token[:8]}"
