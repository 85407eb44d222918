"""Rates of groups of recipients: exploratory, as many groups are looked at and nothing was planned for them.

Read from the ledger when somebody asks, so only for tests of a size at which that is quick.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import CharField, Count, F, Q, QuerySet, Value
from django.db.models.expressions import Func
from django.db.models.functions import Lower

from abtests.intervals import Interval, wilson
from abtests.models import Experiment, Metric
from abtests.results import ArmResult
from delivery.models import Message

MOST_MESSAGES: Final = 300_000
_GROUPS_SHOWN: Final = 8
_FEWEST: Final = 10
_COLUMNS: Final[dict[str, str]] = {
    Metric.CLICK: "clicked_at",
    Metric.OPEN: "opened_at",
    Metric.REPLY: "replied_at",
    Metric.LINK: "linked_at",
    Metric.CONVERSION: "converted_at",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One group's recipients of one version."""

    sent: int
    responded: int
    interval: Interval


@dataclass(frozen=True, slots=True)
class Group:
    """One group of recipients, with an entry a version."""

    name: str
    cells: list[Cell]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Groups by one thing; `more` of them were too small or too many to show."""

    title: str
    groups: list[Group]
    more: int


def breakdown_of(experiment: Experiment, arms: Sequence[ArmResult], *, now: datetime) -> list[Breakdown] | None:
    """Return the rates by where recipients get their mail and by their language; None for a test too large to be read at once."""
    mailing_ids = [arm.variant.mailing_id for arm in arms if arm.variant.mailing_id is not None]
    if sum(arm.live.sent for arm in arms) > MOST_MESSAGES:
        return None
    window = timedelta(hours=experiment.window_hours)
    messages = Message.objects.filter(mailing_id__in=mailing_ids, stratum__gt=0, accepted_at__lte=now - window)
    domain = Lower(Func(F("contact__email_key"), Value("@"), Value(2), function="split_part", output_field=CharField()))
    found = [
        _grouped("Where they get their mail", messages.annotate(group=domain), experiment, arms),
        _grouped("Language", messages.annotate(group=F("contact__locale")), experiment, arms),
    ]
    return [each for each in found if len(each.groups) > 1]


def _grouped(title: str, messages: QuerySet[Any], experiment: Experiment, arms: Sequence[ArmResult]) -> Breakdown:
    column = _COLUMNS[experiment.metric]
    window = timedelta(hours=experiment.window_hours)
    responded = Count("pk", filter=Q(**{f"{column}__lte": F("accepted_at") + Value(window)}))
    counts: dict[str, dict[int, tuple[int, int]]] = {}
    rows = messages.values_list("group", "mailing_id").annotate(sent=Count("pk"), responded=responded).order_by()
    for group, mailing_id, sent, hits in rows:
        counts.setdefault(group or "not known", {})[mailing_id] = (sent, hits)
    order = sorted(counts, key=lambda name: -sum(sent for sent, _ in counts[name].values()))
    large = [name for name in order if sum(sent for sent, _ in counts[name].values()) >= _FEWEST]
    groups = [
        Group(name, [_cell(*counts[name].get(arm.variant.mailing_id or 0, (0, 0))) for arm in arms])
        for name in large[:_GROUPS_SHOWN]
    ]
    return Breakdown(title, groups, len(order) - len(groups))


def _cell(sent: int, responded: int) -> Cell:
    return Cell(sent, responded, wilson(responded, sent))
