"""Reads of tests, scoped to a workspace."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet, Sum

from abtests.assignment import DRAW_SQL, part_drawn
from abtests.maturing import Matured, add_up
from abtests.models import Assignment, Experiment, ExperimentBatch, Look, Metric, Variant, WithoutProof
from abtests.places import Place as Place
from abtests.places import register_places as register_places
from abtests.reading import results as results
from abtests.results import LETTERS as LETTERS
from abtests.usual import USUAL_RATES
from core import clock
from core.exceptions import NotFound
from delivery import selectors as delivery
from delivery.models import Counter, LinkCounter, Mailing
from team.models import Workspace

HISTORY = timedelta(days=90)
# Fewer sent messages tell nothing about a rate of a few per cent.
LEAST_HISTORY = 200
# Rates outside can't be planned with: an inbox where nobody or everybody responds is one that nothing can improve.
_RATES = (0.0005, 0.95)
# How a test ended whose parts got more of what works: nothing is claimed.
BANDIT_ENDED: Final = "bandit"
# After these nobody is sent anything until somebody has had a look.
NEEDS_SOMEBODY: Final = frozenset({"INVALID_SRM", "ALL_BLOCKED"})


def experiments_in(workspace: Workspace) -> QuerySet[Experiment]:
    """Return the workspace's tests, newest first."""
    return Experiment.objects.filter(workspace=workspace).select_related("winner").order_by("-id")


def experiment_in(workspace: Workspace, experiment_id: int) -> Experiment:
    """Return one test.  Raises NotFound when it isn't there or is another workspace's."""
    found = experiments_in(workspace).filter(pk=experiment_id).first()
    if found is None:
        raise NotFound("There is no such test.")
    return found


def variants_of(experiment: Experiment) -> list[Variant]:
    """Return the arms in their order, the control first."""
    return list(experiment.variants.select_related("template_version__template").order_by("position"))


def looks_at(experiment: Experiment) -> list[Look]:
    """Return the looks in their order."""
    return list(experiment.looks.order_by("number"))


class BaseRate(NamedTuple):
    """What share of those sent to responds anyway: `responded` of `sent`, or a usual rate where both are 0."""

    rate: float
    responded: int = 0
    sent: int = 0

    @property
    def is_own(self) -> bool:
        """Whether it comes from the workspace's own mail."""
        return self.sent > 0


def base_rate(workspace: Workspace, metric: str, *, link: str = "") -> BaseRate:
    """Return the rate of human responses to the workspace's mail of the last 90 days; a usual rate if there is too little of it.

    Reads counters, never messages.  Replies and conversions aren't among them: their rates are usual ones until a test has counted them.
    """
    responded, sent = _history(workspace, metric, link)
    if sent < LEAST_HISTORY:
        return BaseRate(USUAL_RATES[metric])
    low, high = _RATES
    return BaseRate(round(min(max(responded / sent, low), high), 4), responded, sent)


def _history(workspace: Workspace, metric: str, link: str) -> tuple[int, int]:
    since = clock.now() - HISTORY
    counters = Counter.objects.filter(mailing__workspace=workspace, hour__gte=since)
    if metric in (Metric.CLICK, Metric.OPEN):
        column = "clicked_human" if metric == Metric.CLICK else "opened_human"
        sums = counters.aggregate(responded=Sum(column), sent=Sum("accepted"))
        return sums["responded"] or 0, sums["sent"] or 0
    if metric == Metric.LINK and link:
        own = counters.values("mailing_id")
        links = LinkCounter.objects.filter(link__label=link, link__mailing_id__in=own)
        responded = links.aggregate(many=Sum("clicked_human"))["many"]
        sent = counters.filter(mailing_id__in=links.values("link__mailing_id")).aggregate(many=Sum("accepted"))["many"]
        return responded or 0, sent or 0
    return 0, 0


def levels_of(experiment: Experiment) -> dict[str, list[Any]]:
    """Return for each dimension its ways, the email's own first (see `services.set_factors`)."""
    variants = variants_of(experiment)
    found: dict[str, list[Any]] = {}
    for index, dimension in enumerate(experiment.dimensions):
        if len(experiment.dimensions) == 1:
            found[dimension] = [variant.way_in(dimension) for variant in variants]
        else:
            by_level = {variant.levels[index]: variant.way_in(dimension) for variant in variants if variant.levels}
            found[dimension] = [by_level[level] for level in sorted(by_level)]
    return found


def repeated_variants(experiment: Experiment) -> list[Variant]:
    """Return the versions that do nothing differently from another one before them: a test of them would test nothing."""
    seen: list[tuple[Any, ...]] = []
    found = []
    for variant in variants_of(experiment):
        ways = tuple(variant.way_in(dimension) for dimension in experiment.dimensions)
        if ways in seen:
            found.append(variant)
        seen.append(ways)
    return found


def matured(experiment: Experiment, *, now: datetime) -> Matured:
    """Return the recipients whose time is over and how they responded, from the response counters alone: no message is looked at."""
    mailings = list(experiment.variants.order_by("position").values_list("mailing_id", "mailing__response_bounds"))
    bounds: list[int] = next((each for _, each in mailings if each), [])
    last_lag = bounds.index(experiment.window_hours) if experiment.window_hours in bounds else -1
    mailing_ids = [mailing_id or 0 for mailing_id, _ in mailings]
    window = timedelta(hours=experiment.window_hours)
    return add_up(
        delivery.settled_counts(mailing_ids, sent_before=now - window, lag=last_lag),
        mailing_ids=mailing_ids,
        metric=experiment.metric,
        window=window,
        last_lag=last_lag,
        now=now,
    )


def active_arms(variants: Sequence[Variant]) -> tuple[int, ...] | None:
    """Return the places of the arms that were not stopped; None if none was."""
    if not any(variant.stopped_at for variant in variants):
        return None
    return tuple(variant.position for variant in variants if variant.stopped_at is None)


def goes_to_the_rest(experiment: Experiment) -> list[Variant]:
    """Return what those who got no arm are sent: one, or several in equal parts drawn by hash; none as long as they must wait."""
    variants = variants_of(experiment)
    left = [variant for variant in variants if variant.stopped_at is None]
    match experiment.state:
        case Experiment.State.STOPPED:
            return left[:1] or variants[:1]
        case Experiment.State.DECIDED if experiment.winner_id is not None:
            return [variant for variant in variants if variant.pk == experiment.winner_id]
        case Experiment.State.DECIDED if experiment.outcome == BANDIT_ENDED:
            return left
        case Experiment.State.DECIDED if (
            experiment.without_proof == WithoutProof.EQUAL and experiment.outcome not in NEEDS_SOMEBODY
        ):
            return left
        case _:
            return []


def part_of(experiment: Experiment, number: int) -> ExperimentBatch | None:
    """Return one part of the test, if it was planned and not dropped."""
    return experiment.parts.filter(number=number).first()


def contacts_in_part(experiment: Experiment, number: int, *, after: int, size: int) -> list[int]:
    """Return up to `size` of those who belong to a part, by id, above `after`: a walk along the key (test, contact)."""
    found = Assignment.objects.filter(experiment=experiment, batch=number, contact_id__gt=after)
    return list(found.order_by("contact_id").values_list("contact_id", flat=True)[:size])


def drawn_into(experiment: Experiment, contact_ids: Sequence[int], number: int) -> list[int]:
    """Return which of the contacts a part takes whose people are drawn when it goes out."""
    numbers = list(experiment.parts.filter(is_drawn=True).values_list("number", flat=True))
    place = number - numbers[0]
    return [one for one in contact_ids if part_drawn(experiment.key, one, len(numbers)) == place]


def held_out_sql(key: str, share: float, *, contact_id: str) -> tuple[str, list[Any]]:
    """Return a condition on the column `contact_id`, with its parameters, that agrees with `assignment.is_held_out`.

    The first eight bytes of the hash sort as the numbers that they are: one comparison tells.
    """
    if not 0 < share < 1:
        return ("TRUE" if share >= 1 else "FALSE"), []
    limit = math.ceil(share * 2.0**64).to_bytes(8)
    return f"{DRAW_SQL.replace('%(key)s', '%s').format(contact_id=contact_id)} < %s", [key, limit]


def control_of(experiment: Experiment) -> Mailing | None:
    """Return the mailing of the control, the email as it is; None as long as the test was not begun."""
    variant = experiment.variants.select_related("mailing").order_by("position").first()
    return variant.mailing if variant else None
