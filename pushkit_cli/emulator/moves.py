"""What goes into the state machine and what comes out of it. Pure values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pushkit_cli.apns.acts import Act
from pushkit_cli.apns.facts import Certificate, TokenState
from pushkit_cli.apns.message import Request
from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.emulator.clients import ClientEvent
from pushkit_cli.emulator.export_records import ExportToken
from pushkit_cli.emulator.fault_event import FaultEvent
from pushkit_cli.emulator.fault_words import Fault
from pushkit_cli.emulator.push_event import PushEvent
from pushkit_cli.emulator.state import App, Device, SigningKey
from pushkit_cli.emulator.state import Put as Put
from pushkit_cli.phone.calls import EndedReason, IncomingCallError, Report
from pushkit_cli.phone.condition import Lock
from pushkit_cli.phone.events import DeviceEvent

# Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A client reached one of the two environments, maybe with a certificate that TLS accepted.

    `manages`: it came to where channels are managed.
    """

    connection: int
    environment: Environment
    certificate: Certificate | None = None
    manages: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A whole request was read."""

    connection: int
    stream: int
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """A connection ended."""

    connection: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppReported:
    """The app reported a call while its delegate method runs."""

    handling: str
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class AppReturned:
    """The app's delegate method returned.

    `report`: what it reported just before that, where it has not said so already. `completed`: it
    called the completion handler.
    """

    handling: str
    report: Report | None = None
    completed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCrashed:
    """The app's process ended by itself while its delegate method ran; `how` in a few words."""

    handling: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppNoted:
    """What runs the app, or meets the clients, has something to say, for the journal alone."""

    event: DeviceEvent | ClientEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDesires:
    """The types that an app's registries ask for from now on; other PushKit pushes never come."""

    device: str
    bundle_id: str
    environment: Environment
    types: tuple[PushType, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppEnded:
    """The app's process ended while it was busy with nothing; nobody is to blame."""

    device: str
    bundle_id: str
    environment: Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Inject:
    """A VoIP payload that did not cross APNs as one: a notification service extension found it.

    Mirrors `CXProvider.reportNewIncomingVoIPPushPayload(_:completion:)`.
    """

    device: str
    bundle_id: str
    environment: Environment
    payload: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCondition:
    """A device is so from now on; `words` are those of the phone's conditions."""

    device: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCall:
    """A call of an app is over, for a reason that comes from outside."""

    device: str
    bundle_id: str
    call_id: str
    reason: EndedReason = EndedReason.REMOTE_ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """The user removes an app from memory: it does not run any more, and may be launched again."""

    device: str
    bundle_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """A device, `None`: every one, is as at its beginning: condition, strikes, budget, calls,
    and nothing is stored for it.

    Its tokens stay.
    """

    device: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A listener started on this state; what was being handled when the last one ended is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Make an app, a key, a device or an export token known; the same again changes nothing."""

    record: App | SigningKey | Device | ExportToken


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoke:
    """Forget a key: whatever it signed is refused from the next request on."""

    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """Put an app on a device, in every environment it has, with a token for each of its types."""

    device: str
    bundle_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetToken:
    """Give a token a value that a test already holds: an app's in the first environment it has."""

    device: str
    bundle_id: str
    type: PushType
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndToken:
    """A token ceases to be live; `at_ms` (Unix) goes with the 410, `None`: now."""

    device: str
    bundle_id: str
    type: PushType
    environment: Environment
    state: TokenState
    at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateToken:
    """The device gets a new token in place of the one it had."""

    device: str
    bundle_id: str
    type: PushType
    environment: Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Uninstall:
    """Remove an app from a device, and with it every token it had there."""

    device: str
    bundle_id: str
    at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinstall:
    """Put an app back on a device, with the tokens it had or with new ones."""

    device: str
    bundle_id: str
    new_tokens: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Knocked:
    """A client opened a TCP connection; it has said nothing yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFaults:
    """Misbehave like this as well, from now on."""

    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearFaults:
    """Misbehave no more: the faults of these numbers, or all of them where none is named."""

    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """A Live Activity of an app on a device hears of one of the app's channels from now on."""

    device: str
    channel_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe:
    """It hears of it no more."""

    device: str
    channel_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The deadline has come."""


AppInput = (
    AppReported | AppReturned | AppCrashed | AppNoted | AppDesires | AppEnded | Tick | Started
)
"""What comes from an app or from the time it takes."""

Input = (
    Connected
    | Requested
    | Disconnected
    | AppInput
    | Inject
    | SetCondition
    | EndCall
    | Kill
    | Reset
    | Register
    | Revoke
    | Install
    | SetToken
    | EndToken
    | RotateToken
    | Uninstall
    | Reinstall
    | Subscribe
    | Unsubscribe
    | Knocked
    | SetFaults
    | ClearFaults
)

# Effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Perform:
    """Do something on a connection; 0 is the one of a client that knocked."""

    connection: int
    act: Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Emit:
    """Tell whoever listens, and the journal."""

    event: PushEvent | DeviceEvent | ClientEvent | FaultEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class CallApp:
    """Hand a payload to the app under test; it is killed at `kill_at` (Unix seconds) if silent.

    `must_report` is what VoIP apps are told from 26.4 on; `None`: nothing. `call_id`: the call that
    the payload names. `lock`: how far the device is unlocked.
    """

    handling: str
    device: str
    bundle_id: str
    environment: Environment
    type: PushType
    payload: Any
    kill_at: float | None
    must_report: bool | None = None
    call_id: str | None = None
    push_id: str | None = None
    apns_id: str | None = None
    lock: Lock = Lock.UNLOCKED


@dataclass(frozen=True, slots=True, kw_only=True)
class TellApp:
    """What the system says to a report; `error` `None`: the call rings."""

    handling: str
    error: IncomingCallError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KillApp:
    """Stop whatever runs for this handling."""

    handling: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndApp:
    """An app does not run any more: end what there is of its process, busy or not."""

    device: str
    bundle_id: str
    environment: Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class TellToken:
    """An app that may be running has another token; `token` `None`: the one it had has ended."""

    device: str
    bundle_id: str
    environment: Environment
    type: PushType
    token: str | None


Effect = Put | Perform | Emit | CallApp | TellApp | KillApp | EndApp | TellToken

NewId = Callable[[], str]
"""Makes 128 random bits as 32 lower-case hexadecimal digits."""
