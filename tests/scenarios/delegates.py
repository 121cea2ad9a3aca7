"""Apps as `listen --app-module` runs them: one that does all it should, and others that do not.

Each is a class for `--app-module tests/scenarios/delegates.py:NAME`.
"""

import os
import subprocess
import sys
import threading
import time
from typing import NoReturn
from uuid import UUID

from pushkit_cli.callkit import CallEndedReason, CallProvider, IncomingCallError
from pushkit_cli.pushkit import (
    PushCredentials,
    PushPayload,
    PushRegistry,
    PushRegistryDelegate,
    PushType,
    VoIPPushMetadata,
    Work,
)


class Good(PushRegistryDelegate):
    """Registers at launch for calls, reports each at once, and survives a refusal."""

    desired = frozenset({PushType.VOIP})

    def __init__(self) -> None:
        self.calls = CallProvider()
        self.registry = PushRegistry()
        self.registry.delegate = self
        self.registry.desired_push_types = self.desired

    def did_update(
        self, registry: PushRegistry, credentials: PushCredentials, for_type: PushType
    ) -> None:
        print("token", credentials.token.hex())

    def did_invalidate_push_token(self, registry: PushRegistry, for_type: PushType) -> None:
        print("no token")

    def did_receive_incoming_voip_push(
        self,
        registry: PushRegistry,
        payload: PushPayload,
        metadata: VoIPPushMetadata,
        completion: Work,
    ) -> None:
        try:
            self.report(payload)
        except IncomingCallError as error:
            print("refused", error.code)
        completion()

    def report(self, payload: PushPayload) -> None:
        """Report the call of a payload."""
        call = payload.dictionary_payload
        self.calls.report_new_incoming_call(UUID(call["callUUID"]), handle=call.get("handle"))
        print("pid", os.getpid())


class Silent(Good):
    """Forgets to report."""

    def report(self, payload: PushPayload) -> None:
        """Do not."""


class Hangs(Good):
    """Never returns, and has a child of its own."""

    def report(self, payload: PushPayload) -> None:
        """Wait for ever."""
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print("pids", os.getpid(), child.pid)
        time.sleep(600)


class ReportsAndHangs(Hangs):
    """Does its duty and does not return."""

    def report(self, payload: PushPayload) -> None:
        """Report, and wait for ever."""
        Good.report(self, payload)
        super().report(payload)


class Crashes(Good):
    """Raises."""

    def report(self, payload: PushPayload) -> None:
        """Look for what is not there."""
        print(payload.dictionary_payload["no such key"])


class Dies(Good):
    """Ends without a word."""

    def report(self, payload: PushPayload) -> NoReturn:
        """Leave."""
        os._exit(7)


class NoRegistry:
    """Makes its registry too late: never. Its pushes find nobody."""


class LateRegistry:
    """Makes its registry where a first view would: a moment after the launch."""

    def __init__(self) -> None:
        threading.Timer(0.05, self.appear).start()

    def appear(self) -> None:
        """The view is there."""
        self.app = Good()


class Hasty(Good):
    """Asks for its token before anybody is there to take it."""

    def __init__(self) -> None:
        self.calls = CallProvider()
        self.registry = PushRegistry(queue=lambda work: work())
        self.registry.desired_push_types = self.desired
        self.registry.delegate = self


class Loud(Good):
    """Writes a lot."""

    def report(self, payload: PushPayload) -> None:
        """Report between 200,000 bytes on either stream."""
        super().report(payload)
        sys.stdout.write("x" * 200_000)
        sys.stderr.write("y" * 200_000)


class Forgetful(Good):
    """Does not call the completion handler."""

    def did_receive_incoming_voip_push(
        self,
        registry: PushRegistry,
        payload: PushPayload,
        metadata: VoIPPushMetadata,
        completion: Work,
    ) -> None:
        self.report(payload)


class Ends(Good):
    """The caller has hung up already: reports the call and ends it."""

    def report(self, payload: PushPayload) -> None:
        """Report, and end."""
        super().report(payload)
        call = UUID(payload.dictionary_payload["callUUID"])
        self.calls.report_call_ended(call, CallEndedReason.REMOTE_ENDED)


class Decrypts(Good):
    """Finds a second call in the first."""

    def report(self, payload: PushPayload) -> None:
        """Report, and hand over what was in it."""
        super().report(payload)
        inner = payload.dictionary_payload.get("inner")
        if inner is None:
            self.calls.report_new_incoming_voip_push_payload({**payload.dictionary_payload,
                "callUUID": "00000000-0000-0000-0000-00000000000a", "inner": 1})  # fmt: skip


class Curious(Good):
    """Says what it sees of the machine."""

    def report(self, payload: PushPayload) -> None:
        """Report, and look around."""
        super().report(payload)
        print("variables", *sorted(name for name in os.environ if name.startswith("PUSHKIT")))
        print("values", *os.environ.values())
        print("stdin", sys.stdin.read(), "leader", os.getsid(0) == os.getpid())


class Echo(Good):
    """Takes any word for a call, and writes the payload."""

    def report(self, payload: PushPayload) -> None:
        """Report, and write."""
        call = payload.dictionary_payload
        self.calls.report_new_incoming_call(call["callUUID"], handle=call["handle"])
        print(call["callUUID"], call["handle"])


class Parent(Good):
    """Leaves a child behind."""

    def report(self, payload: PushPayload) -> None:
        """Report, and start a process."""
        super().report(payload)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print("pids", child.pid)


class Floods(Good):
    """Writes without an end where the caller is "flood", and reports every other call."""

    def report(self, payload: PushPayload) -> None:
        """Report, or write."""
        while payload.dictionary_payload["handle"] == "flood":
            os.write(1, b"x" * 65_536)
        super().report(payload)


class DiesLater(Good):
    """Reports its call, and ends a moment after it has returned."""

    def report(self, payload: PushPayload) -> None:
        """Report, and set a fuse."""
        super().report(payload)
        threading.Timer(0.05, self.die).start()

    def die(self) -> NoReturn:
        """Leave."""
        os._exit(3)


class Unguarded(Good):
    """Does not think that a report can be refused."""

    def did_receive_incoming_voip_push(
        self,
        registry: PushRegistry,
        payload: PushPayload,
        metadata: VoIPPushMetadata,
        completion: Work,
    ) -> None:
        self.report(payload)
        completion()
