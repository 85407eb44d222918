"""Tests of versions that people have responded to, written as the counters that delivery keeps of real mail."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from abtests import services
from abtests.models import Experiment, ExperimentBatch, Look
from abtests.services.summarising import refresh_summary
from core import clock
from delivery import services as delivery
from delivery.models import Mailing, ResponseCounter
from team.models import Workspace
from tests.factories.abtests import make_experiment

HOUR = timedelta(hours=1)
SUBJECTS = (
    "Your Q4 plan, {{ firstName }}",
    "{{ firstName }}, got five minutes?",
    "What 1,200 teams changed this autumn",
    "Quick question about your team",
)


def make_test(workspace: Workspace, arms: int = 2, *, started: bool = True, **changes: Any) -> Experiment:
    """Plan a test whose mailings count responses by age, with a subject each, and start it."""
    experiment = make_experiment(workspace, arms, started=False, **changes)
    for variant, subject in zip(experiment.variants.order_by("position"), SUBJECTS * 2, strict=False):
        assert variant.mailing_id is not None
        Mailing.objects.filter(pk=variant.mailing_id).update(subject=subject)
        variant.subject = subject
        variant.save(update_fields=["subject"])
        delivery.count_responses([variant.mailing_id], bounds=[1, experiment.window_hours])
    if started:
        services.start(experiment)
    return experiment


def respond(
    experiment: Experiment,
    *,
    sent: Sequence[int],
    responded: Sequence[int],
    hours_ago: float = 48,
    stratum: int = 1,
    column: str = "clicked",
    **columns: Sequence[int],
) -> None:
    """Let mail of each version have left so many hours ago, and so many people have responded in its first hour."""
    at = (clock.now() - timedelta(hours=hours_ago)).replace(minute=0, second=0, microsecond=0)
    for place, variant in enumerate(experiment.variants.order_by("position")):
        counts = {name: values[place] for name, values in columns.items()}
        if column in {"clicked", "opened"}:
            counts.setdefault(f"{column}_any", responded[place] + 3)
        assert variant.mailing_id is not None
        ResponseCounter.objects.update_or_create(
            mailing_id=variant.mailing_id,
            stratum=stratum,
            sent_hour=at,
            lag=0,
            defaults={"sent": sent[place], column: responded[place], **counts},
        )


def make_parts(
    experiment: Experiment, *, size: int, released: int, count: int = 6, since: datetime | None = None
) -> None:
    """Write the parts of a test, an hour apart, the first `released` of which have gone out."""
    start = since or clock.now() - timedelta(hours=released)
    ExperimentBatch.objects.bulk_create(
        ExperimentBatch(
            experiment=experiment,
            number=number,
            release_at=start + number * HOUR,
            released_at=start + number * HOUR if number < released else None,
            size=size,
        )
        for number in range(count)
    )


def look(experiment: Experiment, *, sent: Sequence[int], responded: Sequence[int], **changes: Any) -> Look:
    """Take a look at these counts, and keep the summary as the analysis worker does."""
    zeros = [0] * len(sent)
    taken = services.record_look(
        experiment,
        **{"responses": responded, "sent": sent, "complaints": zeros, "unsubscribes": zeros, **changes},
    )
    refresh_summary(experiment)
    return taken


def make_running(workspace: Workspace, **changes: Any) -> Experiment:
    """A test of two subjects in its third part: two looks, and nothing proven."""
    experiment = make_test(workspace, name="Which subject line?", **changes)
    make_parts(experiment, size=200, released=3)
    respond(experiment, sent=[100, 100], responded=[19, 25], hours_ago=60, unsubscribed=[1, 0], opened=[40, 44])
    look(experiment, sent=[100, 100], responded=[19, 25])
    respond(experiment, sent=[100, 100], responded=[21, 27], hours_ago=50, stratum=2, opened=[41, 46])
    look(experiment, sent=[200, 200], responded=[40, 52])
    respond(experiment, sent=[100, 100], responded=[8, 9], hours_ago=2, stratum=3)
    return experiment


def make_decided(workspace: Workspace, **changes: Any) -> Experiment:
    """A test of two subjects whose second was proven to be better."""
    experiment = make_test(workspace, name="Which subject line?", **changes)
    make_parts(experiment, size=200, released=6)
    for part, responded in enumerate([(17, 33), (18, 35), (16, 34), (19, 36)], start=1):
        respond(experiment, sent=[100, 100], responded=responded, hours_ago=60 - part, stratum=part)
        if experiment.state == Experiment.State.RUNNING:
            before = [(17, 33), (35, 68), (51, 102), (70, 138)][part - 1]
            look(experiment, sent=[100 * part] * 2, responded=before)
    return experiment
