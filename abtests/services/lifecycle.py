"""The life of a test: planned → running ⇄ paused → decided or stopped."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from abtests import selectors
from abtests.events import ExperimentDecided
from abtests.exceptions import ExperimentError
from abtests.limits import FEWEST_ARMS
from abtests.maturing import counts_at
from abtests.models import Assignment, Design, Experiment, ExperimentBatch, Mode, Variant
from core import bus, clock
from team.models import User

STOPPED = "stopped"
UNDECIDED = (Experiment.State.RUNNING, Experiment.State.PAUSED)


@transaction.atomic
def start(experiment: Experiment) -> None:
    """Lock the arms and let the test run.  Raises ExperimentError unless it is planned, with two arms that all have content."""
    locked = lock(experiment)
    variants = selectors.variants_of(locked)
    if len(variants) < FEWEST_ARMS:
        raise ExperimentError(f"A test needs at least {FEWEST_ARMS} versions.")
    if empty := [variant.name for variant in variants if variant.mailing_id is None]:
        raise ExperimentError(f"These versions have no content yet: {', '.join(empty)}.")
    _move(locked, Experiment.State.PLANNED, Experiment.State.RUNNING, "Only a planned test can be started.")
    now = clock.now()
    locked.started_at = now
    if locked.design == Design.CONTINUOUS:
        _open(locked, now)
    locked.save(update_fields=["started_at", "deadline_at", "look_at"])
    experiment.refresh_from_db()


def _open(locked: Experiment, now: datetime) -> None:
    """Let whoever comes by have an arm from now on; what goes out in cells begins with its launch."""
    locked.deadline_at = now + timedelta(days=locked.days) if locked.days else None
    locked.look_at = first_look(locked, now)
    if locked.mode == Mode.BANDIT:
        locked.look_at = locked.deadline_at
        ExperimentBatch.objects.create(experiment=locked, number=0, release_at=now, released_at=now, is_drawn=True)
        ExperimentBatch.objects.create(experiment=locked, number=1, release_at=now + spacing_of(locked), is_drawn=True)


@transaction.atomic
def pause(experiment: Experiment, *, with_campaign: bool = False) -> None:
    """Send no further part and take no looks for a while.  Raises ExperimentError unless it runs.

    Paused with its campaign it goes on with it; a test that doesn't run then stays as it is.
    """
    locked = lock(experiment)
    if with_campaign and locked.state != Experiment.State.RUNNING:
        return
    _move(locked, Experiment.State.RUNNING, Experiment.State.PAUSED, "Only a running test can be paused.")
    locked.paused_at = clock.now()
    locked.paused_with_campaign = with_campaign
    locked.save(update_fields=["paused_at", "paused_with_campaign"])
    experiment.refresh_from_db()


@transaction.atomic
def resume(experiment: Experiment, *, with_campaign: bool = False) -> None:
    """Let a paused test go on: what was to come comes later by as long as it was paused.  Raises ExperimentError unless it is paused.

    With its campaign only a test goes on that was paused with it.
    """
    locked = lock(experiment)
    if with_campaign and not (locked.state == Experiment.State.PAUSED and locked.paused_with_campaign):
        return
    _move(locked, Experiment.State.PAUSED, Experiment.State.RUNNING, "Only a paused test can go on.")
    now = clock.now()
    # A clock that was put back in between shifts nothing.
    pause_took = max(now - (locked.paused_at or now), timedelta())
    locked.parts.filter(released_at=None).update(release_at=F("release_at") + pause_took)
    if locked.deadline_at is not None:
        locked.deadline_at += pause_took
    if locked.look_at is not None:
        locked.look_at = min(locked.look_at, now)
    locked.paused_at, locked.paused_with_campaign = None, False
    locked.save(update_fields=["deadline_at", "look_at", "paused_at", "paused_with_campaign"])
    experiment.refresh_from_db()


@transaction.atomic
def stop(experiment: Experiment, *, by: User | None = None) -> None:
    """End a test without a winner: the control goes to the rest.  Raises ExperimentError unless it runs, pauses or waits for a choice."""
    locked = lock(experiment)
    waits = locked.state == Experiment.State.DECIDED and not selectors.goes_to_the_rest(locked)
    if locked.state not in UNDECIDED and not waits:
        raise ExperimentError("This test has not begun, or is over.")
    finish(locked, Experiment.State.STOPPED, STOPPED, None, by=by)
    experiment.refresh_from_db()


@transaction.atomic
def stop_arm(experiment: Experiment, *, variant: Variant) -> None:
    """Give this arm to nobody any more; the others go on without it.

    Who has got it keeps it. Who was to get it later joins the rest.  Raises ExperimentError unless the test runs or pauses and two other
    arms are left.
    """
    locked = lock(experiment)
    if variant.experiment_id != locked.pk:
        raise ExperimentError("This version belongs to another test.")
    if locked.state not in UNDECIDED:
        raise ExperimentError("This test has not begun, or is over.")
    left = [each for each in selectors.variants_of(locked) if each.stopped_at is None and each.pk != variant.pk]
    if len(left) < FEWEST_ARMS:
        raise ExperimentError("A test compares two versions at least: choose the winner, or stop the test.")
    close_arms(locked, [variant.pk])
    variant.refresh_from_db()
    experiment.refresh_from_db()


def close_arms(locked: Experiment, variant_ids: list[int]) -> None:
    """Stop these arms of a locked test, and let those who were to get them in a later part join the rest."""
    now = clock.now()
    for variant in locked.variants.filter(pk__in=variant_ids, stopped_at=None):
        variant.stopped_at = now
        variant.save(update_fields=["stopped_at"])
    waiting = locked.parts.filter(released_at=None, is_drawn=False)
    for part in waiting:
        dropped, _ = Assignment.objects.filter(experiment=locked, batch=part.number, variant__in=variant_ids).delete()
        ExperimentBatch.objects.filter(pk=part.pk).update(size=F("size") - dropped)


def finish(
    locked: Experiment, state: Experiment.State, outcome: str, winner: Variant | None, *, by: User | None = None
) -> None:
    """End a locked test and announce it; the parts that have not gone out never do, and their people join the rest."""
    waiting = list(locked.parts.filter(released_at=None).values_list("number", flat=True))
    Assignment.objects.filter(experiment=locked, batch__in=waiting).delete()
    locked.parts.filter(released_at=None).delete()
    locked.state, locked.outcome, locked.winner = state, outcome, winner
    locked.decided_at, locked.decided_by = clock.now(), by
    locked.look_at = None
    locked.paused_at, locked.paused_with_campaign = None, False
    locked.save()
    goes_on = selectors.goes_to_the_rest(locked)
    only = goes_on[0].pk if len(goes_on) == 1 else None
    bus.announce(ExperimentDecided(locked.pk, outcome, only))


def first_look(experiment: Experiment, now: datetime) -> datetime:
    """Return when the first recipients of a test that begins now can count, or its deadline if that comes before."""
    matures_at = counts_at(now, window=timedelta(hours=experiment.window_hours))
    return min(matures_at, experiment.deadline_at) if experiment.deadline_at else matures_at


def spacing_of(experiment: Experiment) -> timedelta:
    """Return the time between two parts; an optimisation that was given none learns by the hour."""
    return timedelta(minutes=experiment.spacing_minutes or 60)


def lock(experiment: Experiment) -> Experiment:
    """Return the test as it is now, locked until the transaction ends."""
    return Experiment.objects.select_for_update().get(pk=experiment.pk)


def _move(locked: Experiment, before: str, after: str, refusal: str) -> None:
    if locked.state != before:
        raise ExperimentError(refusal)
    locked.state = after
    locked.save(update_fields=["state"])
