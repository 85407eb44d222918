"""What programs are told, written down in the transaction that makes it true."""

from typing import Any

from abtests import selectors as tests
from abtests.events import ExperimentDecided
from abtests.models import Experiment, Variant
from campaigns import selectors as campaigns
from core import clock
from integrations import selectors
from integrations.models import WebhookEvent
from integrations.services.endpoints import write_down


def note_experiment_decided(decision: ExperimentDecided) -> None:
    """Handler: a test is over, which is told with what it has found."""
    experiment = Experiment.objects.select_related("winner").get(pk=decision.experiment_id)
    endpoints = selectors.endpoints_told_of(WebhookEvent.EXPERIMENT_DECIDED, workspace_id=experiment.workspace_id)
    if endpoints:
        write_down(endpoints, event=WebhookEvent.EXPERIMENT_DECIDED, data=_decided(experiment, decision.kind))


def _decided(experiment: Experiment, outcome: str) -> dict[str, Any]:
    found = tests.results(experiment, now=clock.now())
    place = campaigns.places_of_tests([experiment.pk]).get(experiment.pk)
    about: dict[str, Any] = {"id": experiment.pk, "name": experiment.name}
    if place is not None:
        about["campaign"] = {"id": place.owner.pk, "name": place.name}
    return {
        "experiment": about,
        "outcome": outcome,
        "winner": _named(experiment.winner) if experiment.winner else None,
        "goes_on": [_named(variant) for variant in tests.goes_to_the_rest(experiment)],
        "metric": experiment.metric,
        "window_hours": experiment.window_hours,
        "results": [
            {
                **_named(arm.variant),
                "sent": arm.live.sent,
                "counted": arm.counted.sent,
                "responded": arm.counted.responded,
                "rate": arm.rate,
                "interval": {"low": arm.interval.low, "high": arm.interval.high},
                "unsubscribed": arm.counted.unsubscribed,
                "complained": arm.counted.complained,
            }
            for arm in found.arms
        ],
    }


def _named(variant: Variant) -> dict[str, Any]:
    return {"number": variant.position + 1, "letter": tests.LETTERS[variant.position], "name": variant.name}
