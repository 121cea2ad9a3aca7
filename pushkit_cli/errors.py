"""Every way a command can fail, and its exit code. Only exceptions and codes live here.

    PushkitError
    ├── UsageError          2    the words of the command do not fit together
    ├── RefusedError        4    a service that is not APNs said no
    ├── NotSentError        5    nothing that could ring a phone left this process
    │   └── UntrustedError       the two ends do not accept each other: trying again is no use
    ├── ConfigError         6    configuration, credentials, keystore, port, disk
    │   ├── StoreError           a file or folder of ours cannot be used
    │   ├── CredentialError      a key, a certificate or an id is not what it must be
    │   ├── PortError            the listener cannot have the address it was told to use
    │   └── ListenerError        nobody listens here, or the listener does not answer a command
    ├── ExpectationError    7    something was expected, and too much of it came
    ├── UnknownOutcomeError 8    sent, and no answer was heard
    └── WaitError           124  a wait ran out

A refusal by APNs is a value (`apns.message.Reply`), never an exception.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import ClassVar


class ExitCode(IntEnum):
    """The exit codes of every command; scripts rely on them, so none ever changes its meaning."""

    DONE = 0
    BUG = 1
    USAGE = 2
    HELD = 3
    REFUSED = 4
    NOT_SENT = 5
    CONFIG = 6
    EXPECTATION = 7
    UNKNOWN = 8
    TIMEOUT = 124
    CANNOT_RUN = 126
    NOT_FOUND = 127
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS: Mapping[ExitCode, str] = MappingProxyType(
    {
        ExitCode.DONE: "done; every push accepted",
        ExitCode.BUG: "a bug of ours",
        ExitCode.USAGE: "usage: the words do not fit together",
        ExitCode.HELD: "held back by lint; that push was not sent",
        ExitCode.REFUSED: "refused: APNs, the channel service or the export service said no",
        ExitCode.NOT_SENT: "not sent: DNS, TCP, TLS, or provably unprocessed; again is safe",
        ExitCode.CONFIG: "configuration, credentials, port, disk",
        ExitCode.EXPECTATION: "an expectation was not met, or a device rule was broken",
        ExitCode.UNKNOWN: "unknown: sent, no answer heard; again may ring a phone twice",
        ExitCode.TIMEOUT: "a wait, or the time of the command inside, ran out",
        ExitCode.CANNOT_RUN: "the command inside cannot be run",
        ExitCode.NOT_FOUND: "the command inside is not found",
        ExitCode.INTERRUPTED: "stopped by SIGINT before the work was done",
        ExitCode.TERMINATED: "stopped by SIGTERM before the work was done",
    }
)
"""What each code that a command can leave with today means."""


class PushkitError(Exception):
    """A failure with one sentence for the reader, a hint, and an exit code.

    `message` and `hint` may hold text from outside: the boundary shows both through one function.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.BUG
    kind: ClassVar[str] = "bug"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(PushkitError):
    """The command line, or a file it names, does not say a thing that can be done."""

    exit_code = ExitCode.USAGE
    kind = "usage"


class RefusedError(PushkitError):
    """An ordinary service was asked and said no, or said what makes no sense."""

    exit_code = ExitCode.REFUSED
    kind = "refused"


class NotSentError(PushkitError):
    """Nothing was sent: DNS, TCP, TLS, a proxy, or provably unprocessed. Running again is safe."""

    exit_code = ExitCode.NOT_SENT
    kind = "not-sent"


class UntrustedError(NotSentError):
    """The two ends do not accept each other: certificate or protocol. Trying again is no use."""


class ConfigError(PushkitError):
    """Configuration, credentials, keystore, port or disk."""

    exit_code = ExitCode.CONFIG
    kind = "config"


class StoreError(ConfigError):
    """A file or folder of ours cannot be read, written or trusted."""

    kind = "store"


class CredentialError(ConfigError):
    """A key, a certificate or an id is not what it must be."""

    kind = "credential"


class PortError(ConfigError):
    """The listener cannot have the address it was told to use."""

    kind = "port"


class ListenerError(ConfigError):
    """Nobody listens here, or who listens does not answer a command."""

    kind = "listener"


class ExpectationError(PushkitError):
    """What was expected did not come true, and cannot any more."""

    exit_code = ExitCode.EXPECTATION
    kind = "expectation"


class UnknownOutcomeError(PushkitError):
    """Bytes were sent and no answer was heard: sending again may ring a phone twice."""

    exit_code = ExitCode.UNKNOWN
    kind = "unknown"


class WaitError(PushkitError):
    """A wait or a `--timeout` ran out."""

    exit_code = ExitCode.TIMEOUT
    kind = "timeout"
