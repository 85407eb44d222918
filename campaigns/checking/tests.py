"""Looks at a campaign's A/B tests: whether there are people enough, and what so many can prove."""

from abtests import selectors as tests
from abtests import services as abtests
from abtests.models import Design, Experiment, Mode
from abtests.services import FEWEST_ARMS, Plan, Promise
from campaigns.checking.findings import Findings, Level
from campaigns.models import Campaign
from campaigns.selectors import emails_of

HOURS_A_DAY = 24


def check_tests(campaign: Campaign, recipients: int, findings: Findings) -> None:
    """Note what keeps the tests of the campaign's emails from starting (errors) or from proving anything (warnings)."""
    for step in emails_of(campaign):
        if step.experiment is not None:
            _check(step.experiment, recipients, findings)


def _check(test: Experiment, recipients: int, findings: Findings) -> None:
    arms = tests.variants_of(test)
    if len(arms) < FEWEST_ARMS:
        _add(findings, test, "test_arms", "error", "It has fewer than two versions. Add one, or remove the test.")
        return
    if repeated := tests.repeated_variants(test):
        names = ", ".join(variant.name for variant in repeated)
        _add(findings, test, "test_same", "error", f"These versions are the same as one before them: {names}.")
    if test.design == Design.CONTINUOUS:
        if test.days and test.days * HOURS_A_DAY <= test.window_hours:
            message = (
                f"It ends after {test.days} days, but a recipient counts after {test.window_hours} hours only:"
                " nobody would count. Let it run longer, or count sooner."
            )
            _add(findings, test, "test_window", "error", message)
        return
    if not recipients:
        return  # noted with the audience
    plan = abtests.plan_of(test, recipients)
    if not plan.per_arm:
        message = f"It has {len(arms)} versions for {recipients:,} recipients (or the part of them that may be tested)."
        _add(findings, test, "test_audience", "error", f"{message} Add people, or take versions out.")
    elif test.mode == Mode.TEST:
        _check_power(test, plan, findings)


def _check_power(test: Experiment, plan: Plan, findings: Findings) -> None:
    """Say what the size can prove, if it can't prove the lead that is wanted."""
    if plan.promise is Promise.PROVES:
        return
    size = f"{plan.per_arm:,} recipients a version (it would take {plan.to_prove:,})"
    proves = f"proves a lead of {_points(plan.reach.proves)}" if plan.reach.proves else "proves no lead at all"
    if plan.promise is Promise.SELECTS:
        can = f"It {proves}, and picks the better version with 95 % from a lead of {_points(plan.lead)} on."
    elif plan.reach.selects:
        can = (
            f"It {proves}, and picks the better version with 95 % only if they differ by {_points(plan.reach.selects)}."
        )
    else:
        can = "Whatever it finds may be chance."
    message = f"{size} are too few to prove a lead of {_points(plan.lead)}. {can}"
    _add(findings, test, "test_power", "warning", message)


def _points(share: float) -> str:
    return f"{share * 100:.2g} points"


def _add(findings: Findings, test: Experiment, code: str, level: Level, message: str) -> None:
    findings.add(code, level, f"The test “{test.name}”: {message[0].lower()}{message[1:]}", subject=str(test.pk))
