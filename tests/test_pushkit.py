"""PushKit's façade on a device of its own: registration, tokens, and which method is called."""

import gc
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pushkit_cli.errors import ListenerError
from pushkit_cli.pushkit import (
    PushCredentials,
    PushPayload,
    PushRegistry,
    PushRegistryDelegate,
    PushType,
    VoIPPushMetadata,
)
from tests.app_phone import TOKENS, phone

VOIP, COMPLICATION, FILES = PushType.VOIP, PushType.COMPLICATION, PushType.FILE_PROVIDER


class Bare(PushRegistryDelegate):
    """A delegate with what is required, that writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def did_update(
        self, registry: PushRegistry, credentials: PushCredentials, for_type: PushType
    ) -> None:
        assert credentials.type == for_type
        self.heard.append((for_type, credentials.token))


class Told(Bare):
    """One that hears of tokens that end as well."""

    def did_invalidate_push_token(self, registry: PushRegistry, for_type: PushType) -> None:
        self.heard.append((for_type, None))


class Deprecated(Told):
    def did_receive_incoming_push_without_completion(
        self, registry: PushRegistry, payload: PushPayload, for_type: PushType
    ) -> None:
        self.heard.append(("deprecated", payload.dictionary_payload))


class Completing(Deprecated):
    def did_receive_incoming_push(
        self, registry: PushRegistry, payload: PushPayload, for_type: PushType, completion: Any
    ) -> None:
        self.heard.append(("completing", payload.dictionary_payload))
        completion()


class Modern(Completing):
    def did_receive_incoming_voip_push(
        self,
        registry: PushRegistry,
        payload: PushPayload,
        metadata: VoIPPushMetadata,
        completion: Any,
    ) -> None:
        self.heard.append(("modern", metadata.must_report))
        completion()


def registry(
    delegate: PushRegistryDelegate, types: Iterable[PushType] | None = (VOIP,), queue: Any = None
) -> PushRegistry:
    made = PushRegistry(queue)
    made.delegate = delegate
    made.desired_push_types = types
    return made


# Registration


def test_assigning_the_types_starts_registration_and_tokens_come_on_the_queue() -> None:
    with phone() as device:
        it = Told()
        mine = registry(it, {VOIP, COMPLICATION})
        assert it.heard == []
        device.run()
        assert it.heard == [
            (COMPLICATION, TOKENS[COMPLICATION]),
            (VOIP, TOKENS[VOIP]),
        ]
        assert mine.push_token(VOIP) == TOKENS[VOIP]
        assert mine.push_token(FILES) is None
        assert device.named("desires") == [["PKPushTypeComplication", "PKPushTypeVoIP"]]


def test_types_that_stay_are_let_alone_and_the_others_come_and_go() -> None:
    with phone() as device:
        it = Told()
        mine = registry(it, {VOIP})
        device.run()
        mine.desired_push_types = {VOIP}
        mine.desired_push_types = {VOIP, COMPLICATION}
        device.run()
        assert it.heard == [(VOIP, TOKENS[VOIP]), (COMPLICATION, TOKENS[COMPLICATION])]
        mine.desired_push_types = None
        assert mine.desired_push_types == frozenset()
        assert mine.push_token(VOIP) == TOKENS[VOIP]
        assert len(device.named("desires")) == 3
        assert device.named("desires")[-1] == []
        device.launched()
        device.push(duty=False)
        assert device.named("returned") == [False]


def test_a_type_without_a_token_is_told_as_an_invalid_one() -> None:
    with phone() as device:
        it = Told()
        registered = registry(it, {FILES, PushType(raw_value="PKPushTypeTomorrow")})
        device.run()
        assert len(it.heard) == 2
        assert {token for _, token in it.heard} == {None}
        assert registered.push_token(FILES) is None


def test_another_token_ends_the_one_before_and_a_repeated_one_does_not() -> None:
    with phone() as device:
        it = Told()
        mine = registry(it)
        device.run()
        device.hear({"token": TOKENS[VOIP].hex(), "type": VOIP.raw_value})
        device.hear({"token": "ff", "type": VOIP.raw_value})
        device.hear({"token": None, "type": VOIP.raw_value})
        device.hear({"token": "aa", "type": COMPLICATION.raw_value})
        device.run()
        old = (VOIP, TOKENS[VOIP])
        assert it.heard == [old, old, (VOIP, None), (VOIP, b"\xff"), (VOIP, None)]
        assert mine.push_token(VOIP) is None


def test_a_delegate_is_held_weakly_and_so_is_a_registry() -> None:
    with phone() as device:
        mine = registry(Modern())
        gc.collect()
        assert mine.delegate is None
        device.push()
        assert device.named("returned") == []
        it = Modern()
        mine.delegate = it
        mine.desired_push_types = None
        mine.desired_push_types = {VOIP}
        assert device.run().named("returned") == [True]
        del mine
        gc.collect()
        device.push()
        assert device.named("returned") == [True]


def test_without_a_device_there_is_no_registry() -> None:
    with pytest.raises(ListenerError) as failed:
        PushRegistry()
    assert "--app-module" in (failed.value.hint or "")


def test_a_delegate_has_to_hear_of_its_tokens() -> None:
    with pytest.raises(TypeError, match="did_update"):
        PushRegistryDelegate()  # type: ignore[abstract]


# Pushes


@pytest.mark.parametrize(
    ("kind", "platform", "os", "must_report", "called"),
    [
        (Modern, "ios", "26.4", True, ("modern", True)),
        (Modern, "ios", "26.4", False, ("modern", False)),
        (Modern, "ios", "26.3", None, ("completing", {"a": 1})),
        (Completing, "ios", "26.4", True, ("completing", {"a": 1})),
        (Completing, "ios", "10.3", None, ("deprecated", {"a": 1})),
        (Deprecated, "ios", "26.4", True, ("deprecated", {"a": 1})),
        (Deprecated, "visionos", "2.0", None, ("deprecated", {"a": 1})),
        (Deprecated, "macos", "26.3", None, None),
        (Deprecated, "watchos", "26.3", None, None),
        (Told, "ios", "26.4", True, None),
    ],
)
def test_one_method_is_called(
    kind: type[Bare], platform: str, os: str, must_report: bool | None, called: Any
) -> None:
    with phone(platform=platform, os=os) as device:
        it = kind()
        mine = registry(it)
        device.run()
        it.heard.clear()
        device.push(payload={"a": 1}, must_report=must_report)
        assert it.heard == ([] if called is None else [called])
        assert device.named("returned") == ([] if called is None else [True])
        assert device.named("completed") == ([] if called is None else [True])
        assert mine.delegate is it


def test_other_types_never_reach_the_method_for_voip() -> None:
    with phone() as device:
        it = Modern()
        mine = registry(it, {COMPLICATION})
        device.run()
        device.push(COMPLICATION, ["no", "object"], must_report=None, duty=False)
        assert it.heard[-1] == ("completing", {})
        assert mine.desired_push_types == {COMPLICATION}


def test_a_push_waits_for_a_registry_where_a_call_is_owed() -> None:
    with phone() as device:
        device.launched()
        device.push()
        assert device.said == []
        it = Modern()
        mine = registry(it)
        device.run()
        assert it.heard == [(VOIP, TOKENS[VOIP]), ("modern", True)]
        assert mine.delegate is it


def test_a_push_without_a_duty_waits_for_the_launch_alone() -> None:
    with phone() as device:
        device.push(duty=False)
        assert device.said == []
        device.launched()
        assert device.said == [{"id": "h", "returned": False, "completed": True}]


def test_each_of_two_registries_is_called() -> None:
    with phone() as device:
        them = (Modern(), Completing())
        both = [registry(one) for one in them]
        device.run().push()
        assert [one.heard[-1][0] for one in them] == ["modern", "completing"]
        assert device.named("returned") == [True]
        assert len(both) == 2


def test_completion_counts_once_and_may_come_late() -> None:
    class Late(Bare):
        def did_receive_incoming_push(
            self, registry: PushRegistry, payload: PushPayload, for_type: PushType, completion: Any
        ) -> None:
            self.heard.append(completion)

    with phone() as device:
        it = Late()
        mine = registry(it)
        device.run().push()
        assert device.named("completed") == [False]
        it.heard[-1]()
        it.heard[-1]()
        assert device.named("completed") == [False, True]
        assert mine.delegate is it


@pytest.mark.parametrize("kind", ["main", "function", "executor"])
def test_every_method_runs_on_the_queue(kind: str) -> None:
    with phone() as device, ThreadPoolExecutor(1) as pool:
        put: list[Any] = []
        queue = {"main": None, "function": put.append, "executor": pool}[kind]
        it = Modern()
        mine = registry(it, queue=queue)
        device.push()
        for work in put:
            work()
        pool.shutdown()
        assert [first for first, _ in it.heard] == [VOIP, "modern"]
        assert mine.delegate is it


def test_what_a_delegate_raises_ends_the_app(capsys: pytest.CaptureFixture[str]) -> None:
    class Raises(Modern):
        def did_receive_incoming_voip_push(self, *_: Any) -> None:
            raise ValueError("no such call")

    with phone() as device:
        mine = registry(Raises())
        it = Raises()
        mine.delegate = it
        device.run()
        with pytest.raises(ValueError, match="no such call"):
            device.push()
        assert device.crashes == 1
        assert device.named("crashed") == ["ValueError: no such call"]
        assert "Traceback" in capsys.readouterr().err


def test_the_async_twins_are_not_supported() -> None:
    class Coroutine(Bare):
        async def did_receive_incoming_push(self, *_: Any) -> None:  # type: ignore[override]
            """Never awaited."""

    with phone() as device:
        it = Coroutine()
        mine = registry(it)
        device.run()
        with pytest.raises(TypeError, match="async twins"):
            device.push()
        assert mine.delegate is it
