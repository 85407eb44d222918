"""A test's parts: when each goes out, and by what shares its people get their arms."""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Max

from abtests import selectors, strata
from abtests.events import BatchReleased
from abtests.models import Assignment, Design, Experiment, ExperimentBatch, Mode
from abtests.services.lifecycle import finish, first_look, lock, spacing_of
from core import bus, clock

logger = logging.getLogger(__name__)

# Released later than this, the parts to come move on as well: what was to go out hour by hour does not go out at once.
LATE: Final = timedelta(minutes=1)
AT_ONCE: Final = 100


def release_due_batches(*, now: datetime | None = None) -> int:
    """Let the parts go out whose time has come; return how many.  Two at once are harmless: each test is claimed."""
    moment = now or clock.now()
    due = ExperimentBatch.objects.filter(
        released_at=None, release_at__lte=moment, experiment__state=Experiment.State.RUNNING
    )
    released = 0
    for experiment_id in list(due.order_by("release_at").values_list("experiment_id", flat=True).distinct()[:AT_ONCE]):
        try:
            released += _release_next(experiment_id, moment)
        except Exception:
            # One test that can't go on must not hold the others up.
            logger.exception("The next part of test %s could not go out.", experiment_id)
    return released


@transaction.atomic
def _release_next(experiment_id: int, now: datetime) -> int:
    locked = (
        Experiment.objects.select_for_update(skip_locked=True)
        .filter(pk=experiment_id, state=Experiment.State.RUNNING)
        .first()
    )
    return int(locked is not None and release_next(locked, now))


def release_next(locked: Experiment, now: datetime) -> bool:
    """Let the next part of a locked test go out if its time has come."""
    part = locked.parts.filter(released_at=None).order_by("number").first()
    if not part or part.release_at > now:
        return False
    if locked.mode == Mode.BANDIT and part.is_drawn:
        part.weights = _weights(locked, now)
    late = now - part.release_at
    part.released_at = now
    part.save(update_fields=["released_at", "weights"])
    if late > LATE:
        locked.parts.filter(released_at=None).update(release_at=F("release_at") + late)
    if locked.mode == Mode.BANDIT:
        if locked.design == Design.CONTINUOUS and part.number < strata.LARGEST - 1:
            ExperimentBatch.objects.create(
                experiment=locked, number=part.number + 1, release_at=now + spacing_of(locked), is_drawn=True
            )
    else:
        due = first_look(locked, now)
        locked.look_at = min(locked.look_at, due) if locked.look_at else due
        locked.save(update_fields=["look_at"])
    bus.announce(BatchReleased(locked.pk, part.number))
    return True


def turn_to_bandit(locked: Experiment, *, outcome: str) -> None:
    """Let a locked test whose verdict proved nothing go on with the rest, part by part; its verdict stays written down."""
    now = clock.now()
    waiting = list(locked.parts.filter(released_at=None).values_list("number", flat=True))
    Assignment.objects.filter(experiment=locked, batch__in=waiting).delete()
    locked.parts.filter(released_at=None).delete()
    highest = locked.parts.aggregate(highest=Max("number"))["highest"]
    locked.mode, locked.outcome = Mode.BANDIT, outcome
    locked.look_at = locked.deadline_at = None
    locked.save()
    # Who came by during the test counts as of part 0, though it has no row.
    add_drawn_parts(locked, first=(highest or 0) + 1, now=now)


def add_drawn_parts(locked: Experiment, *, first: int, now: datetime) -> None:
    """Plan the parts of an optimisation: of a broadcast all of them, of whoever comes by the next one."""
    count = 1 if locked.design == Design.CONTINUOUS else locked.batches
    ExperimentBatch.objects.bulk_create(
        ExperimentBatch(
            experiment=locked, number=first + place, release_at=now + place * spacing_of(locked), is_drawn=True
        )
        for place in range(count)
    )


@transaction.atomic
def finish_bandit(experiment: Experiment) -> None:
    """End an optimisation: everybody has got an arm.  A test, or one that is over, stays as it is."""
    locked = lock(experiment)
    if locked.mode == Mode.BANDIT and locked.state in (Experiment.State.RUNNING, Experiment.State.PAUSED):
        finish(locked, Experiment.State.DECIDED, selectors.BANDIT_ENDED, None)
    experiment.refresh_from_db()


def _weights(experiment: Experiment, now: datetime) -> list[float]:
    variants = selectors.variants_of(experiment)
    if not experiment.parts.filter(released_at__isnull=False).exists():
        left = sum(variant.stopped_at is None for variant in variants)
        return [0.0 if variant.stopped_at else 1 / left for variant in variants]
    # Optimising needs numpy, which a worker that only begins tests does without.
    from abtests.services.optimising import next_shares

    return next_shares(experiment, variants, now=now)
