"""What `pushkit doctor` says: what is well, worth knowing or wrong, and what mends it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pushkit_cli.errors import ExitCode, PushkitError


class Level(StrEnum):
    """How much a finding matters; a problem alone changes the exit code."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


class How(StrEnum):
    """Whether a thing was seen, or follows from what was."""

    OBSERVED = "observed"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `why` it matters and `remedy` go with a problem."""

    check: str
    level: Level
    what: str
    why: str | None = None
    remedy: str | None = None
    how: How = How.OBSERVED
    exit_code: ExitCode = ExitCode.DONE


def well(check: str, what: str, *, how: How = How.OBSERVED) -> Finding:
    """Something is as it should be."""
    return Finding(check=check, level=Level.OK, what=what, how=how)


def note(check: str, what: str, *, remedy: str | None = None) -> Finding:
    """Something is worth knowing."""
    return Finding(check=check, level=Level.NOTE, what=what, remedy=remedy)


def problem(
    check: str,
    what: str,
    *,
    why: str,
    remedy: str,
    how: How = How.OBSERVED,
    exit_code: ExitCode = ExitCode.CONFIG,
) -> Finding:
    """Something is wrong."""
    return Finding(
        check=check,
        level=Level.PROBLEM,
        what=what,
        why=why,
        remedy=remedy,
        how=how,
        exit_code=exit_code,
    )


def failure(check: str, error: PushkitError, *, why: str) -> Finding:
    """What another command would fail with, in its own words."""
    code = ExitCode.CONFIG if error.exit_code is ExitCode.USAGE else error.exit_code
    return problem(check, error.message, why=why, remedy=error.hint or "mend it", exit_code=code)


def verdict(found: Iterable[Finding]) -> ExitCode:
    """6 over 5 over 7: without a sound configuration the rest says little."""
    codes = {one.exit_code for one in found if one.level is Level.PROBLEM}
    order = (ExitCode.CONFIG, ExitCode.NOT_SENT, ExitCode.EXPECTATION)
    return next((code for code in order if code in codes), ExitCode.DONE)
