"""PushKit as a user of Python writes it: registry, delegate, credentials, payload and types.

Names are Apple's in Python's spelling; each docstring names the symbol it mirrors. What Apple's
documents do not say, and is so only here, is marked "ours". A whole app, in a file app.py:

    from pushkit_cli.callkit import CallProvider
    from pushkit_cli.pushkit import PushRegistry, PushRegistryDelegate, PushType


    class App(PushRegistryDelegate):
        def __init__(self):
            self.calls = CallProvider()
            self.registry = PushRegistry()
            self.registry.delegate = self
            self.registry.desired_push_types = {PushType.VOIP}

        def did_update(self, registry, credentials, for_type):
            print("for my server:", credentials.token.hex())

        def did_receive_incoming_voip_push(self, registry, payload, metadata, completion):
            call = payload.dictionary_payload
            self.calls.report_new_incoming_call(call["callUUID"], handle=call.get("handle"))
            completion()

and `pushkit listen --app-module app.py:App` is the phone that runs it.

The async twins of Swift are not supported: a delegate method that is a coroutine ends the app.
"""

# ruff: noqa: B027  (an optional method of a protocol is an empty one here)

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, ClassVar, Protocol

from pushkit_cli.apns.push import PushType as WireType
from pushkit_cli.errors import ListenerError
from pushkit_cli.phone import availability
from pushkit_cli.phone.calls import EndedReason
from pushkit_cli.phone.calls import IncomingCallError as Refusal

__all__ = ["PushCredentials", "PushPayload", "PushRegistry", "PushRegistryDelegate", "PushType",
    "Registration", "System", "VoIPPushMetadata", "current_system", "running_on"]  # fmt: skip

Work = Callable[[], None]


class _Executor(Protocol):
    def submit(self, fn: Work, /) -> object: ...


Queue = Callable[[Work], object] | _Executor | None
"""Where delegate methods run: a function that takes work, an executor, or the main queue. Apple
recommends a serial one; whether yours is, is your business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushType:
    """`PKPushType`, a struct over a string; `PushType(raw_value=…)` is its `init(rawValue:)`.

    `.voIP`, `.complication` and `.fileProvider` are VOIP, COMPLICATION and FILE_PROVIDER with
    Apple's raw values.
    """

    raw_value: str

    VOIP: ClassVar["PushType"]
    COMPLICATION: ClassVar["PushType"]
    FILE_PROVIDER: ClassVar["PushType"]

    @property
    def wire(self) -> WireType | None:
        """The `apns-push-type` of such pushes; `None` for a type that PushKit does not have."""
        return _WIRE.get(self.raw_value)

    @property
    def introduced(self) -> Mapping[str, str]:
        """Since which version each system has the constant (documented)."""
        return availability.SINCE[self.wire] if self.wire is not None else {}

    @property
    def deprecated(self) -> Mapping[str, str]:
        """Since which version it is deprecated, where it is."""
        return availability.DEPRECATED.get(self.wire, {}) if self.wire is not None else {}

    def is_available(self, platform: str, os: str) -> bool:
        """Whether a system has the constant. APNs may not serve it: voIP on watchOS is such one."""
        since = self.introduced.get(platform)
        return since is not None and availability.version(os) >= availability.version(since)

    @classmethod
    def of(cls, wire: WireType) -> "PushType":
        """The type of pushes with an `apns-push-type`. Raises ValueError for none of PushKit's."""
        for raw, kind in _WIRE.items():
            if kind is wire:
                return cls(raw_value=raw)
        raise ValueError(f"{wire} is not a type of PushKit")


PushType.VOIP = PushType(raw_value="PKPushTypeVoIP")
PushType.COMPLICATION = PushType(raw_value="PKPushTypeComplication")
PushType.FILE_PROVIDER = PushType(raw_value="PKPushTypeFileProvider")
_WIRE: Mapping[str, WireType] = {
    PushType.VOIP.raw_value: WireType.voip,
    PushType.COMPLICATION.raw_value: WireType.complication,
    PushType.FILE_PROVIDER.raw_value: WireType.fileprovider,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PushCredentials:
    """`PKPushCredentials`: a token and its type. PushKit makes them, an app does not.

    `token` is opaque: do not rely on its length. A provider writes it in hexadecimal.
    """

    token: bytes
    type: PushType


@dataclass(frozen=True, slots=True, kw_only=True)
class PushPayload:
    """`PKPushPayload`: the JSON object as it was sent, and its type. No header, no time of sending.

    A body that is no object is an empty dictionary (ours).
    """

    dictionary_payload: dict[str, Any]
    type: PushType


@dataclass(frozen=True, slots=True, kw_only=True)
class VoIPPushMetadata:
    """`PKVoIPPushMetadata` (26.4): `must_report`, its `mustReport`, says if a call is owed.

    Documented as false: in the foreground, in a call, and long after the push was sent. From what
    age on is ours (`--stale-after`).
    """

    must_report: bool


class PushRegistryDelegate(ABC):
    """`PKPushRegistryDelegate`. Every method runs on the registry's queue.

    Only `did_update` is required; the others count where a class defines them. Of the methods that
    receive, one is called: from 26.4 on that for VoIP pushes (DTS), else the one with a completion
    handler, else the deprecated one (ours). With none of them the push is lost, and the duty to
    report a call is not (ours).
    """

    @abstractmethod
    def did_update(
        self, registry: "PushRegistry", credentials: PushCredentials, for_type: PushType
    ) -> None:
        """`pushRegistry(_:didUpdate:for:)`: a token, the first or another; send it to your server.

        It may come again with the token you have.
        """

    def did_receive_incoming_voip_push(
        self,
        registry: "PushRegistry",
        payload: PushPayload,
        metadata: VoIPPushMetadata,
        completion: Work,
    ) -> None:
        """`pushRegistry(_:didReceiveIncomingVoIPPushWith:metadata:withCompletionHandler:)`, 26.4.

        Report the call before returning, where `metadata.must_report`: else the app is ended.
        """

    def did_receive_incoming_push(
        self,
        registry: "PushRegistry",
        payload: PushPayload,
        for_type: PushType,
        completion: Work,
    ) -> None:
        """`pushRegistry(_:didReceiveIncomingPushWith:for:completion:)`, iOS 11.

        Call `completion` when the push is dealt with. Nobody is ended for forgetting it (DTS); a
        second after the return it is a warning (ours).
        """

    def did_receive_incoming_push_without_completion(
        self, registry: "PushRegistry", payload: PushPayload, for_type: PushType
    ) -> None:
        """`pushRegistry(_:didReceiveIncomingPushWith:for:)`, iOS 8, deprecated since 11.

        Not on macOS and watchOS. The longer name is ours: Python has no overloading.
        """

    def did_invalidate_push_token(self, registry: "PushRegistry", for_type: PushType) -> None:
        """`pushRegistry(_:didInvalidatePushTokenFor:)`: tell your server to forget the token.

        Before another token comes as well, and for a type that cannot be registered (both ours:
        the protocol has no method for a failure).
        """


class System(Protocol):
    """The device an app runs on, as PushKit and CallKit need it."""

    platform: str
    os: str

    def run_on_main(self, work: Work) -> None:
        """Put work on the main queue."""

    def attach(self, registration: "Registration") -> None:
        """There is a registry. It is the app's to keep alive: hold this end weakly."""

    def desire(self, registration: "Registration", before: frozenset[PushType]) -> None:
        """Its desired types are others than before: registration begins, and nothing here waits."""

    def report_call(self, call_id: str, handle: str | None) -> Refusal | None:
        """A call is reported; why it does not ring, `None`: it does."""

    def end_call(self, call_id: str, reason: EndedReason) -> None:
        """A call is over."""

    def push_payload(self, payload: Mapping[str, Any]) -> None:
        """An encrypted message turned out to be a call."""

    def failed(self, error: BaseException) -> None:
        """A delegate method raised: the app ends."""


_systems: list[System] = []


@contextmanager
def running_on(system: System) -> Iterator[None]:
    """Let registries and call providers that are made in this block be those of a device."""
    _systems.append(system)
    try:
        yield
    finally:
        _systems.remove(system)


def current_system() -> System:
    """The device this code runs on. Raises ListenerError where it runs on none."""
    if not _systems:
        raise ListenerError(
            "this code runs on no emulated device",
            hint="run it with: pushkit listen --app-module FILE.py:CLASS",
        )
    return _systems[-1]


class Registration:
    """The device's end of one PushRegistry: what PushKit does to it. Apps have no need of it."""

    def __init__(self, registry: "PushRegistry", system: System, queue: Queue) -> None:
        self.desired: frozenset[PushType] = frozenset()
        self.tokens: dict[PushType, bytes] = {}
        self.delegate: weakref.ref[PushRegistryDelegate] | None = None
        self._registry = weakref.ref(registry)
        self._system = system
        self._queue = queue

    def updated(self, kind: PushType, token: bytes) -> None:
        """A type has a token; one that takes the place of another ends that first (ours)."""
        if self.tokens.get(kind, token) != token:
            self.invalidated(kind)
        self.tokens[kind] = token
        credentials = PushCredentials(token=token, type=kind)
        self._call(lambda to, registry: to.did_update(registry, credentials, kind))

    def invalidated(self, kind: PushType) -> None:
        """A type's token is none any more."""
        self.tokens.pop(kind, None)
        self._call(lambda to, registry: to.did_invalidate_push_token(registry, kind))

    def takes(self, kind: PushType, must_report: bool | None) -> bool:
        """Whether there is a delegate with a method for such a push."""
        return kind in self.desired and self._method(must_report) is not None

    def receive(
        self,
        payload: PushPayload,
        *,
        must_report: bool | None,
        completion: Work,
        returned: Work,
    ) -> None:
        """Hand a push to the delegate; `must_report` `None`: the system has no such metadata."""
        name = self._method(must_report) or ""
        words: dict[str, tuple[Any, ...]] = {
            _VOIP: (VoIPPushMetadata(must_report=bool(must_report)), completion),
            _WITH: (payload.type, completion),
            _WITHOUT: (payload.type,),
        }

        def call(to: PushRegistryDelegate, registry: PushRegistry) -> None:
            method = getattr(to, name)
            if iscoroutinefunction(method):
                raise TypeError(f"{name} is a coroutine: the async twins are not supported")
            method(registry, payload, *words[name])
            if name == _WITHOUT:
                completion()
            returned()

        self._call(call)

    def _method(self, must_report: bool | None) -> str | None:
        """Which of the delegate's methods receives, of those that the system knows."""
        to = self._delegate()
        with_since = availability.COMPLETION_SINCE.get(self._system.platform, "0")
        known = {
            _VOIP: must_report is not None,
            _WITH: availability.version(self._system.os) >= availability.version(with_since),
            _WITHOUT: self._system.platform in availability.WITHOUT_COMPLETION,
        }
        return next((name for name, is_so in known.items() if is_so and _has(to, name)), None)

    def _delegate(self) -> PushRegistryDelegate | None:
        return None if self.delegate is None else self.delegate()

    def _call(self, act: Callable[[PushRegistryDelegate, "PushRegistry"], None]) -> None:
        """Run on the queue; whatever is raised there ends the app."""

        def work() -> None:
            to, registry = self._delegate(), self._registry()
            if to is None or registry is None:
                return
            try:
                act(to, registry)
            except BaseException as error:
                self._system.failed(error)
                raise

        if self._queue is None:
            self._system.run_on_main(work)
        elif callable(self._queue):
            self._queue(work)
        else:
            self._queue.submit(work)


class PushRegistry:
    """`PKPushRegistry`: asks for pushes and receives them.

    Make one at every launch, early, and keep it: nothing is delivered to an app without one
    (documented). Each of several gets its own calls (ours).
    """

    def __init__(self, queue: Queue = None) -> None:
        """`init(queue:)`; `None` is the app's main queue. Raises ListenerError without a device."""
        self._system = current_system()
        self._registration = Registration(self, self._system, queue)
        self._system.attach(self._registration)

    @property
    def delegate(self) -> PushRegistryDelegate | None:
        """`delegate`, held weakly. Set it before the types: tokens and pushes go nowhere else."""
        return self._registration._delegate()

    @delegate.setter
    def delegate(self, delegate: PushRegistryDelegate | None) -> None:
        self._registration.delegate = None if delegate is None else weakref.ref(delegate)

    @property
    def desired_push_types(self) -> frozenset[PushType]:
        """`desiredPushTypes`; assigning starts the registration of types that were not there.

        Types that are not there any more are unregistered, `None` unregisters all; a type that
        stays is let alone (all three ours).
        """
        return self._registration.desired

    @desired_push_types.setter
    def desired_push_types(self, types: Iterable[PushType] | None) -> None:
        before = self._registration.desired
        self._registration.desired = frozenset(types or ())
        if self._registration.desired != before:
            self._system.desire(self._registration, before)

    def push_token(self, for_type: PushType) -> bytes | None:
        """`pushToken(for:)`: the token there is. It stays when its type is unregistered (ours)."""
        return self._registration.tokens.get(for_type)


_VOIP = "did_receive_incoming_voip_push"
_WITH = "did_receive_incoming_push"
_WITHOUT = "did_receive_incoming_push_without_completion"


def _has(delegate: PushRegistryDelegate | None, name: str) -> bool:
    mine = getattr(type(delegate), name, None)
    return mine is not None and mine is not getattr(PushRegistryDelegate, name)
