"""Takes an accepted push to its device: at once, later, or never. Pure."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pushkit_cli.apns.payload import Parsed
from pushkit_cli.apns.push import PushType
from pushkit_cli.apns.rules import Accepted
from pushkit_cli.emulator.apps import Apps
from pushkit_cli.emulator.moves import Effect, Emit, NewId, SetCondition
from pushkit_cli.emulator.push_event import PushEvent
from pushkit_cli.emulator.state import DeviceToken, State
from pushkit_cli.phone import storage
from pushkit_cli.phone.condition import WORDS, Condition, changed
from pushkit_cli.phone.events import DeviceEvent, Happening
from pushkit_cli.phone.policy import DevicePolicy
from pushkit_cli.phone.storage import Obstacle, Stored

_AT_ONCE = 0.0


class Courier:
    """The pushes of one State that wait for their devices.

    A device that is back gets what waited with the next Tick: somebody has to be there to run its
    apps, and the command that says "online" may find nobody listening.
    """

    def __init__(self, state: State, apps: Apps, policy: DevicePolicy) -> None:
        self._state = state
        self._apps = apps
        self._policy = policy
        self._waiting: dict[str, dict[str, None]]
        self._ends: list[tuple[float, str]]
        self._ready: dict[str, None]
        self.reload()

    def reload(self) -> None:
        """Read again from the records what waits."""
        self._waiting, self._ends, self._ready = {}, [], {}
        for one in self._state.all_of(Stored):
            self._watch(one)
        for device in self._waiting:
            self._look_at(device)

    def deadline(self) -> float | None:
        """When a push is handed over or given up next, in Unix seconds."""
        if self._ready:
            return _AT_ONCE
        while self._ends and not self._still_ends(*self._ends[0]):
            heapq.heappop(self._ends)
        return self._ends[0][0] if self._ends else None

    def waiting(self, device: str) -> list[Stored]:
        """What waits for a device."""
        found = (self._state.records.get(key) for key in self._waiting.get(device, ()))
        return [one for one in found if isinstance(one, Stored)]

    def take(
        self, seen: PushEvent, verdict: Accepted, issued: DeviceToken, now: float, new_id: NewId
    ) -> Iterator[Effect]:
        """Hand an accepted push to its device, or keep it until that can be done."""
        of = DeviceEvent(
            event=Happening.DELIVERED,
            push_id=seen.id,
            device=issued.device,
            app=issued.bundle_id,
            type=_type_of(verdict.push.push_type, issued),
            apns_id=seen.apns_id,
        )
        push, where, read = verdict.push, issued.environment, seen.request.json
        payload = read.value if isinstance(read, Parsed) else None
        why = storage.obstacle(self._state.condition(issued.device), push.priority)
        if why is None:
            yield from self._apps.receive(of, payload, where, now, new_id)
            return
        one = storage.kept(of, push, payload, where, now=now, policy=self._policy)
        if one.until <= now:
            yield Emit(event=storage.expired(one))
        elif one.once and self._attempts(one.device) >= storage.ATTEMPTS:
            yield Emit(event=storage.crowded(one))
        else:
            yield from self._keep(one, why)

    def set_condition(self, event: SetCondition) -> Iterator[Effect]:
        """A device is otherwise from now on. Raises ValueError for a word that says nothing."""
        condition = before = self._state.condition(event.device)
        for word in event.words:
            if word not in WORDS:
                raise ValueError(f"no device is {word}; it may be {', '.join(WORDS)}")
            condition = changed(condition, word)
        if condition == before:
            return
        yield self._state.put(condition)
        self._look_at(event.device)
        for one in self.waiting(event.device):
            was, is_ = (storage.obstacle(each, one.priority) for each in (before, condition))
            if is_ is Obstacle.POWER and was is not is_:
                yield Emit(event=storage.deferred(one))

    def tick(self, now: float, new_id: NewId) -> Iterator[Effect]:
        """Hand over to whoever is back, and give up what has expired."""
        for device in [*self._ready]:
            del self._ready[device]
            for one in storage.in_order(self.waiting(device), self._policy):
                if not self._waits(one):
                    yield from self._hand_over(one, now, new_id)
        while (deadline := self.deadline()) is not None and deadline <= now:
            over = self._state.records[heapq.heappop(self._ends)[1]]
            if isinstance(over, Stored):
                yield from self._drop(over, storage.expired(over))

    def sweep(self, device: str) -> Iterator[Effect]:
        """Give up what waits for tokens that are not live any more."""
        live = {one.token for one in self._state.tokens_of(device) if one.is_live}
        for one in self.waiting(device):
            if one.token not in live:
                yield from self._drop(one, storage.unregistered(one))

    def reset(self, name: str | None) -> Iterator[Effect]:
        """A device, `None`: every one, is as at its beginning: nothing waits for it."""
        for device in [*self._waiting] if name is None else [name]:
            for one in self.waiting(device):
                yield from self._drop(one, storage.forgotten(one))
        for condition in self._state.all_of(Condition):
            if name in (None, condition.device):
                yield self._state.drop(condition)

    def _keep(self, new: Stored, why: Obstacle) -> Iterator[Effect]:
        old = self._state.records.get(new.key)
        if not isinstance(old, Stored):
            yield from self._put(new)
            yield Emit(event=storage.stored(new, why))
            return
        new_stays = storage.survives(new, old, self._policy)
        winner, loser = (new, old) if new_stays else (old, new)
        yield from self._put(replace(winner, contests=old.contests + 1))
        yield Emit(event=storage.stored(new, why))
        yield Emit(event=storage.overwritten(loser, winner))

    def _hand_over(self, one: Stored, now: float, new_id: NewId) -> Iterator[Effect]:
        if one.until <= now:
            yield from self._drop(one, storage.expired(one))
            return
        yield self._forget(one)
        age_s = now - one.at
        arrives = self._apps.receive(
            one.event, one.payload, one.environment, now, new_id, age_s=age_s
        )
        yield from from_storage(arrives, age_s)
        if one.type is PushType.voip and age_s > self._policy.stale_after_s:
            yield Emit(event=storage.ghost(one, age_s))

    def _waits(self, one: Stored) -> bool:
        return storage.obstacle(self._state.condition(one.device), one.priority) is not None

    def _look_at(self, device: str) -> None:
        """Whether a device is to be handed something."""
        if all(map(self._waits, self.waiting(device))):
            self._ready.pop(device, None)
        else:
            self._ready[device] = None

    def _attempts(self, device: str) -> int:
        return sum(key.startswith("attempt/") for key in self._waiting.get(device, ()))

    def _put(self, one: Stored) -> Iterator[Effect]:
        self._watch(one)
        yield self._state.put(one)

    def _drop(self, one: Stored, said: DeviceEvent) -> Iterator[Effect]:
        yield self._forget(one)
        yield Emit(event=said)

    def _forget(self, one: Stored) -> Effect:
        waiting = self._waiting[one.device]
        waiting.pop(one.key, None)
        if not waiting:
            del self._waiting[one.device]
            self._ready.pop(one.device, None)
        return self._state.drop(one)

    def _watch(self, one: Stored) -> None:
        self._waiting.setdefault(one.device, {})[one.key] = None
        heapq.heappush(self._ends, (one.until, one.key))

    def _still_ends(self, until: float, key: str) -> bool:
        found = self._state.records.get(key)
        return isinstance(found, Stored) and found.until == until


def from_storage(arrives: Iterable[Effect], age_s: float) -> Iterator[Effect]:
    """What comes of a push that arrives late, which its events say."""
    for effect in arrives:
        if isinstance(effect, Emit) and isinstance(effect.event, DeviceEvent) and (
            effect.event.event is Happening.DELIVERED
        ):  # fmt: skip
            yield Emit(event=storage.from_storage(effect.event, age_s))
        else:
            yield effect


def _type_of(sent: PushType | str | None, issued: DeviceToken) -> PushType:
    """Without apns-push-type the token's own type says what the device makes of it."""
    return sent if isinstance(sent, PushType) else issued.type
