"""Keeping with a test what its results show beside the verdict; on the analysis queue's workers only, as numpy costs each 70 MB."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import DurationField, ExpressionWrapper, F, Q, Value

from abtests import reading
from abtests.models import Experiment
from abtests.results import HOUR, OPEN_STATES, results_of
from core import clock

EVERY: Final = timedelta(minutes=5)
# After its end a test's last recipients still get their time.
_AFTERWARDS: Final = timedelta(hours=2)
_AT_ONCE: Final = 50


def refresh_summary(experiment: Experiment, *, now: datetime | None = None) -> None:
    """Compute a test's summary anew and keep it; nothing else of the test changes."""
    from abtests.summaries import summarise

    now = now or clock.now()
    evidence = reading.evidence_of(experiment, now=now)
    found = results_of(experiment, evidence, now=now)
    summary = summarise(
        experiment,
        variants=[arm.variant for arm in found.arms],
        counted=[arm.counted for arm in found.arms],
        sent=[arm.live.sent for arm in found.arms],
        strata=evidence.by_stratum(experiment.metric),
        looks=[each.look for each in found.looks],
    )
    Experiment.objects.filter(pk=experiment.pk).update(summary=summary, summarised_at=now)
    experiment.summary, experiment.summarised_at = summary, now


def refresh_due_summaries(*, now: datetime | None = None) -> int:
    """Refresh the summaries of tests that run, and of those that ended until their last recipients have had their time."""
    now = now or clock.now()
    window = ExpressionWrapper(F("window_hours") * Value(HOUR, DurationField()), DurationField())
    is_open = Q(state__in=OPEN_STATES)
    is_unsettled = Q(decided_at__isnull=False, summarised_at__lte=F("decided_at") + window + _AFTERWARDS)
    is_stale = Q(summarised_at__isnull=True) | Q(summarised_at__lte=now - EVERY)
    due = Experiment.objects.filter(is_stale, Q(summarised_at__isnull=True) | is_open | is_unsettled)
    due = due.filter(started_at__isnull=False).order_by(F("summarised_at").asc(nulls_first=True))[:_AT_ONCE]
    for experiment in due:
        refresh_summary(experiment, now=now)
    return len(due)
