"""Reading all that is shown of a test; `selectors` has what other apps may ask for."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from abtests.models import Experiment
from abtests.places import Place, places_of
from abtests.results import Evidence, Results, results_of
from delivery import selectors as delivery
from team.models import Workspace


def find_experiments(workspace: Workspace, *, query: str = "", state: str = "") -> QuerySet[Experiment]:
    """Return the workspace's tests whose name holds `query`, in the given state (all if empty), with their versions."""
    found = Experiment.objects.filter(workspace=workspace).order_by("-id").prefetch_related("variants")
    if state:
        found = found.filter(state=state)
    return found.filter(name__icontains=query.strip()) if query.strip() else found


def place_of(experiment: Experiment) -> Place | None:
    """Return the campaign whose email is tested; None where the email is gone."""
    return places_of([experiment.pk]).get(experiment.pk)


def evidence_of(experiment: Experiment, *, now: datetime) -> Evidence:
    """Read all that is known of a test, from counters: in a handful of queries, however many recipients it has."""
    variants = list(experiment.variants.select_related("mailing", "template_version__template").order_by("position"))
    mailing_ids = [variant.mailing_id for variant in variants if variant.mailing_id is not None]
    window = experiment.window_hours
    return Evidence(
        variants=variants,
        live=delivery.response_sums(mailing_ids),
        counted=delivery.response_sums(mailing_ids, sent_before=now - timedelta(hours=window), within=window),
        looks=list(experiment.looks.order_by("number")),
        parts=list(experiment.parts.order_by("number")),
    )


def results(experiment: Experiment, *, now: datetime) -> Results:
    """Return what a test has found so far."""
    return results_of(experiment, evidence_of(experiment, now=now), now=now)
