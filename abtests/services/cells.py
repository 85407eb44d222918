"""The beginning of a test in cells: who gets an arm in which part, and when each part goes out."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from abtests import plans, selectors
from abtests.maturing import HOUR
from abtests.models import Design, Experiment, ExperimentBatch, Mode
from abtests.services.assigning import deal_staged, staged
from abtests.services.batches import add_drawn_parts, release_next
from abtests.services.lifecycle import finish, lock, spacing_of

# The outcome of a test that had fewer people than arms when it was to begin.
TOO_FEW: Final = "too_few"


@transaction.atomic
def begin_cells(experiment: Experiment, *, contact_ids: Iterable[int], now: datetime) -> bool:
    """Deal a running test's cells out to the audience, once, and plan its parts; the first one goes out at once.

    The people are read one by one, so any iterator serves, however long.  Returns False as long as the test doesn't run.  With fewer
    people than arms the test ends here, and the control goes to all.  A second call changes nothing.
    """
    locked = lock(experiment)
    if locked.state != Experiment.State.RUNNING:
        return locked.state != Experiment.State.PAUSED
    if locked.parts.exists():
        return True
    if locked.mode == Mode.BANDIT:
        add_drawn_parts(locked, first=0, now=now)
    else:
        _deal(locked, contact_ids, now)
    release_next(locked, now)
    experiment.refresh_from_db()
    return True


def _deal(locked: Experiment, contact_ids: Iterable[int], now: datetime) -> None:
    arms = sum(variant.stopped_at is None for variant in selectors.variants_of(locked))
    with staged(contact_ids) as audience:
        sizes = _batch_sizes(locked, audience, arms)
        if sizes:
            deal_staged(locked, size=audience, batch_sizes=sizes)
    if not sizes:
        finish(locked, Experiment.State.STOPPED, TOO_FEW, None)
        return
    spacing = spacing_of(locked)
    ExperimentBatch.objects.bulk_create(
        ExperimentBatch(experiment=locked, number=number, release_at=now + number * spacing, size=size * arms)
        for number, size in enumerate(sizes)
    )
    window = timedelta(hours=locked.window_hours)
    if locked.days:
        locked.deadline_at = now + timedelta(days=locked.days)
        locked.look_at = locked.deadline_at
    else:
        locked.deadline_at = now + (len(sizes) - 1) * spacing + HOUR + window
    locked.save(update_fields=["deadline_at", "look_at"])


def _batch_sizes(experiment: Experiment, audience: int, arms: int) -> list[int]:
    """Return the contacts an arm in each part; none if there are fewer people than arms."""
    plan = plans.plan(
        audience,
        arms=arms,
        base=experiment.base,
        lead=experiment.lead,
        window_hours=experiment.window_hours,
        batches=experiment.batches,
        largest_share=experiment.largest_share,
        per_arm=experiment.per_arm,
    )
    if experiment.design == Design.SEND_TIME or not experiment.spacing_minutes:
        return [plan.per_arm] if plan.per_arm else []
    return [size for size in plan.batch_sizes if size]
