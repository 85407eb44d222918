"""Reads of tests, scoped to a workspace."""

from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import QuerySet, Sum

from abtests.models import Experiment, Look, Metric, Variant
from abtests.usual import USUAL_RATES
from abtests.variant_fields import way_of
from core import clock
from core.exceptions import NotFound
from delivery.models import Counter, LinkCounter
from team.models import Workspace

HISTORY = timedelta(days=90)
# Fewer sent messages tell nothing about a rate of a few per cent.
LEAST_HISTORY = 200
# Rates outside can't be planned with: an inbox where nobody or everybody responds is one that nothing can improve.
_RATES = (0.0005, 0.95)


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
            found[dimension] = [way_of(variant, dimension) for variant in variants]
        else:
            by_level = {variant.levels[index]: way_of(variant, dimension) for variant in variants if variant.levels}
            found[dimension] = [by_level[level] for level in sorted(by_level)]
    return found


def repeated_variants(experiment: Experiment) -> list[Variant]:
    """Return the versions that do nothing differently from another one before them: a test of them would test nothing."""
    seen: list[tuple[Any, ...]] = []
    found = []
    for variant in variants_of(experiment):
        ways = tuple(way_of(variant, dimension) for dimension in experiment.dimensions)
        if ways in seen:
            found.append(variant)
        seen.append(ways)
    return found
