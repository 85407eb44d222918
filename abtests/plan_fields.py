"""What the fields of a plan may say, each by itself and together."""

from collections.abc import Mapping
from typing import Any, Final

from abtests.limits import FEWEST_BATCHES, MOST_BATCHES
from abtests.models import Design, Dimension, Experiment, Metric, Mode, Rule, WithoutProof

LONGEST_WINDOW: Final = 14 * 24
LONGEST_SPACING: Final = 7 * 24 * 60
LONGEST_TEST: Final = 365
# What a plan is made of; the order is that of the screen.
FIELDS: Final = (
    "name", "dimensions", "metric", "link_label", "event_name", "window_hours", "mode", "rule", "days", "base", "lead", "batches",
    "spacing_minutes", "largest_share", "per_arm", "without_proof", "design",
)  # fmt: skip
_CHOICES: Final[dict[str, list[str]]] = {
    "metric": Metric.values,
    "design": Design.values,
    "mode": Mode.values,
    "rule": Rule.values,
    "without_proof": WithoutProof.values,
}
type Faults = dict[str, list[str]]


def tidied(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with texts trimmed, the dimensions in their order, and the design that follows from them."""
    tidy = dict(fields)
    for name in ("name", "link_label", "event_name"):
        if isinstance(tidy.get(name), str):
            tidy[name] = tidy[name].strip()
    dimensions = tidy.get("dimensions")
    if isinstance(dimensions, list | tuple) and set(dimensions) <= set(Dimension.values):
        tidy["dimensions"] = [name for name in Dimension.values if name in dimensions]
        if tidy.get("design") != Design.CONTINUOUS:
            by_time = Dimension.SEND_TIME in dimensions
            tidy["design"] = Design.SEND_TIME.value if by_time else Design.CELLS.value
    return tidy


def faults(plan: Experiment) -> Faults:
    """Return what is wrong with each field of a plan, as sentences; empty if it can be kept."""
    wrong: Faults = {}
    for name, allowed in _CHOICES.items():
        if getattr(plan, name) not in allowed:
            wrong[name] = [f"This must be one of {', '.join(allowed)}."]
    _texts(plan, wrong)
    _numbers(plan, wrong)
    if not wrong:
        _together(plan, wrong)
    return wrong


def _texts(plan: Experiment, wrong: Faults) -> None:
    if not plan.name or len(plan.name) > 200:
        wrong["name"] = ["Give the test a name of up to 200 letters."]
    if (
        not isinstance(plan.dimensions, list)
        or not plan.dimensions
        or not set(plan.dimensions) <= set(Dimension.values)
    ):
        wrong["dimensions"] = [f"Choose at least one of {', '.join(Dimension.values)}."]
    if plan.metric == Metric.LINK and not plan.link_label:
        wrong["link_label"] = ["Choose the link."]
    if plan.metric == Metric.CONVERSION and not plan.event_name:
        wrong["event_name"] = ["Give the name of the event."]
    elif len(plan.event_name) > 100:
        wrong["event_name"] = ["A name has up to 100 letters."]


def _numbers(plan: Experiment, wrong: Faults) -> None:
    bounds: tuple[tuple[str, float, float, str], ...] = (
        ("window_hours", 1, LONGEST_WINDOW, f"This must be 1 to {LONGEST_WINDOW} hours."),
        ("batches", FEWEST_BATCHES, MOST_BATCHES, f"This must be {FEWEST_BATCHES} to {MOST_BATCHES}."),
        ("spacing_minutes", 0, LONGEST_SPACING, "This must be 0 minutes to 7 days."),
    )
    for name, least, most, sentence in bounds:
        if not least <= getattr(plan, name) <= most:
            wrong[name] = [sentence]
    if not 0 < plan.largest_share <= 1:
        wrong["largest_share"] = ["This must be above 0 and at most 1: 0.5 is half of the audience."]
    if plan.per_arm is not None and not 1 <= plan.per_arm <= 2_000_000_000:
        wrong["per_arm"] = ["This must be 1 or more."]
    if plan.days is not None and not 1 <= plan.days <= LONGEST_TEST:
        wrong["days"] = [f"This must be 1 to {LONGEST_TEST} days."]
    if not 0 < plan.base < 1:
        wrong["base"] = ["This must be above 0 and below 1: 0.03 is 3 %."]
    elif not 0 < plan.lead < 1 - plan.base:
        wrong["lead"] = ["This must be above 0, and with the base rate below 1."]


def _together(plan: Experiment, wrong: Faults) -> None:
    """Find what is right by itself and wrong beside the rest."""
    by_time = Dimension.SEND_TIME in plan.dimensions
    if plan.design == Design.CONTINUOUS:
        if by_time:
            wrong["dimensions"] = ["Send times are tested in a broadcast, where everybody waits for the same day."]
        if plan.days is not None and plan.days * 24 <= plan.window_hours:
            wrong["days"] = [f"Nobody would count by then: a recipient counts after {plan.window_hours} hours."]
        if plan.rule == Rule.FIXED and plan.days is None:
            wrong["days"] = ["After how many days is it judged?"]
    if plan.mode == Mode.BANDIT:
        if by_time:
            wrong["mode"] = ["Send times are judged once, when all have been; there is nothing to shift in between."]
        elif plan.design == Design.CELLS and not plan.spacing_minutes:
            wrong["spacing_minutes"] = ["To send more of what works, the parts must go out one after the other."]
    if plan.per_arm is not None and plan.per_arm < plan.batches:
        wrong["per_arm"] = [f"Each of the {plan.batches} parts needs a recipient of every version."]
