"""A key of the other environment has two names at Apple; which one is said is a switch."""

from pushkit_cli.apns import checks
from pushkit_cli.apns.checks import Case
from pushkit_cli.apns.facts import KeyEnvironmentReason, Policy
from pushkit_cli.apns.push import Environment
from pushkit_cli.apns.rules import Refused, decide
from tests.apns.defects import DEFECTS
from tests.law import ACCEPTED, in_a_row, knowing, with_key

DOCUMENTED = knowing(policy=Policy(key_environment_reason=KeyEnvironmentReason.DOCUMENTED))


def refused(case: Case) -> Refused:
    verdict = decide(case.request, case.knowledge)
    assert isinstance(verdict, Refused)
    return verdict


def test_each_spelling_comes_with_who_says_so() -> None:
    elsewhere = with_key(environment=Environment.PRODUCTION)
    seen, said = refused(elsewhere(ACCEPTED)), refused(in_a_row(elsewhere, DOCUMENTED)(ACCEPTED))
    assert (seen.reason.word, seen.basis) == ("BadEnvironmentKeyInToken", "observed")
    assert (said.reason.word, said.basis) == ("BadEnvironmentKeyIdInToken", "documented")
    assert (seen.reason.status, seen.rule) == (said.reason.status, said.rule)
    assert not said.authenticated


def test_no_other_reason_knows_of_the_switch() -> None:
    for defect in DEFECTS:
        if defect.check is not checks.key_elsewhere:
            verdict = refused(in_a_row(DOCUMENTED, defect.change)(ACCEPTED))
            assert (verdict.reason, verdict.basis) == (verdict.rule.reason, verdict.rule.basis)
