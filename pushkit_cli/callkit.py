"""As much of CallKit and LiveCommunicationKit as a PushKit delegate owes the system.

Of a call only its report and its end are emulated: no screen, no audio, no answer. A call that is
reported while the app handles no push is accepted, and not followed (ours).
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pushkit_cli.phone.calls import EndedReason as CallEndedReason
from pushkit_cli.phone.calls import IncomingCallError as Refusal
from pushkit_cli.pushkit import current_system

__all__ = ["CallEndedReason", "CallProvider", "ConversationManager", "IncomingCallError"]


class IncomingCallError(Exception):
    """`CXErrorCodeIncomingCallError`: the system does not let the call ring.

    `reason` is Apple's word for it, `code` Apple's number. The report counts all the same (ours);
    an app that does not catch this ends as one that crashed.
    """

    def __init__(self, reason: Refusal) -> None:
        super().__init__(f"the call was refused: {reason.value}")
        self.reason = reason

    @property
    def code(self) -> int:
        """0 `unknown` to 7 `filteredBySensitiveParticipants`."""
        return list(Refusal).index(self.reason)


class CallProvider:
    """`CXProvider`. Raises ListenerError where no emulated device runs this code."""

    def __init__(self) -> None:
        self._system = current_system()

    def report_new_incoming_call(self, uuid: UUID | str, *, handle: str | None = None) -> None:
        """`reportNewIncomingCall(with:update:completion:)`; the error comes as an exception.

        Returns once the system has answered. Text that is no UUID is taken as well (ours), so that
        a payload's own word for its call will do. Raises IncomingCallError.
        """
        refusal = self._system.report_call(str(uuid), None if handle is None else str(handle))
        if refusal is not None:
            raise IncomingCallError(refusal)

    def report_call_ended(
        self, uuid: UUID | str, reason: CallEndedReason = CallEndedReason.REMOTE_ENDED
    ) -> None:
        """`reportCall(with:endedAt:reason:)`, now. A call that does not ring is not missed."""
        self._system.end_call(str(uuid), reason)

    def report_new_incoming_voip_push_payload(self, payload: Mapping[str, Any]) -> None:
        """`reportNewIncomingVoIPPushPayload(_:completion:)`: a decrypted message is a call.

        The app receives the payload as a VoIP push, and owes a report. On a phone only a
        notification service extension with an entitlement may call this; here any code of the app
        may (ours).
        """
        self._system.push_payload(payload)


class ConversationManager:
    """`ConversationManager` of LiveCommunicationKit: the same duty under other names."""

    def __init__(self) -> None:
        self._provider = CallProvider()

    def report_new_incoming_conversation(
        self, uuid: UUID | str, *, handle: str | None = None
    ) -> None:
        """`reportNewIncomingConversation(uuid:update:)`. Raises IncomingCallError."""
        self._provider.report_new_incoming_call(uuid, handle=handle)

    def report_new_incoming_voip_push_payload(self, payload: Mapping[str, Any]) -> None:
        """`reportNewIncomingVoIPPushPayload(_:)`, iOS 17.4."""
        self._provider.report_new_incoming_voip_push_payload(payload)
