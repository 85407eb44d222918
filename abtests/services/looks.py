"""When a look is due: never by what came out, only by who counts by now.

A part of a broadcast's test is judged once all its mail has left and W hours have passed since. Mail that is held up is waited for as long
as it moves. A test of whoever comes by is judged at each further share of what is planned, every day, or once.
"""

import logging
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db import transaction

from abtests import selectors, strata
from abtests.maturing import HOUR, Matured, counts_at, whole_hour
from abtests.models import Design, Experiment, ExperimentBatch, Mode
from abtests.services import deciding
from abtests.services.lifecycle import finish, lock
from core import clock
from delivery import selectors as delivery

logger = logging.getLogger(__name__)

AT_ONCE: Final = 100
# What is held up is asked for this often.
ASK_AGAIN: Final = timedelta(minutes=1)
# Mail of which nothing has left for so long holds no look up any more.
STUCK: Final = timedelta(hours=24)
DAY: Final = timedelta(days=1)
# Every hour of a day, that begins at the latest a day from now, on every clock of the world.
SLOTS_TAKE: Final = timedelta(hours=50)


class _Due(NamedTuple):
    """Whether to look now, whether it is the last look, and when to ask again otherwise."""

    now: bool
    last: bool
    ask_at: datetime


def take_due_looks(*, now: datetime | None = None) -> int:
    """Take the looks that are due and return how many.  Two at once are harmless: each test is claimed, and asked again when claimed."""
    moment = now or clock.now()
    due = Experiment.objects.filter(state=Experiment.State.RUNNING, look_at__lte=moment).order_by("look_at")
    taken = 0
    for experiment_id in list(due.values_list("pk", flat=True)[:AT_ONCE]):
        try:
            taken += _look_if_due(experiment_id, moment)
        except Exception:
            # One test that can't be judged must not keep the others from it.
            logger.exception("Test %s could not be looked at.", experiment_id)
            Experiment.objects.filter(pk=experiment_id).update(look_at=moment + 5 * ASK_AGAIN)
    return taken


@transaction.atomic
def end_when_matured(experiment: Experiment) -> None:
    """Have the last look taken once everybody who was sent to by now counts: nobody comes any more.

    An optimisation ends at once, as nothing is left to share out.  A test that is over, or never ran, stays as it is.
    """
    locked = lock(experiment)
    if locked.state not in (Experiment.State.RUNNING, Experiment.State.PAUSED):
        return
    if locked.mode == Mode.BANDIT:
        finish(locked, Experiment.State.DECIDED, selectors.BANDIT_ENDED, None)
        return
    last = counts_at(clock.now(), window=_window(locked))
    locked.deadline_at = min(locked.deadline_at, last) if locked.deadline_at else last
    locked.save(update_fields=["deadline_at"])


@transaction.atomic
def _look_if_due(experiment_id: int, now: datetime) -> int:
    locked = (
        Experiment.objects.select_for_update(skip_locked=True)
        .filter(pk=experiment_id, state=Experiment.State.RUNNING, look_at__lte=now)
        .first()
    )
    if locked is None:
        return 0
    if locked.mode == Mode.BANDIT:
        finish(locked, Experiment.State.DECIDED, selectors.BANDIT_ENDED, None)
        return 0
    found = selectors.matured(locked, now=now)
    due = (
        _when_in_parts(locked, found, now) if locked.design != Design.CONTINUOUS else _when_come_by(locked, found, now)
    )
    locked.look_at = max(due.ask_at, now + ASK_AGAIN)
    locked.save(update_fields=["look_at", "deadline_at"])
    if not due.now:
        return 0
    deciding.record_look(
        locked,
        responses=found.successes,
        sent=found.trials,
        complaints=found.complaints,
        unsubscribes=found.unsubscribes,
        deadline=due.last,
        strata=found.per_stratum if locked.design == Design.SEND_TIME else None,
    )
    return 1


def _when_in_parts(experiment: Experiment, found: Matured, now: datetime) -> _Due:
    """A look for each part that has matured wholly; the last one with the last part, or at a deadline that was set."""
    parts = list(experiment.parts.order_by("number"))
    waiting = [part for part in parts if part.released_at and part.matured_at is None]
    ask_at, ripe = [], []
    held: set[int] | None = None
    for part in waiting:
        own = found.per_stratum.get(strata.of_part(part.number)) if experiment.design != Design.SEND_TIME else None
        sent, last_hour = (own.sent, own.last_hour) if own else _all_sent(experiment, found)
        last_send = last_hour or part.released_at or now
        if experiment.design == Design.SEND_TIME and sent < part.size:
            # Who rests for their hour has no message yet.
            last_send = max(last_send, (part.released_at or now) + SLOTS_TAKE)
        matures_at = counts_at(last_send, window=_window(experiment))
        if matures_at > now:
            rests = experiment.design == Design.SEND_TIME and sent < part.size
            ask_at.append(whole_hour(now) + HOUR if rests else matures_at)
            continue
        if sent < part.size:
            if held is None:
                held = _held_up(experiment)
            moved_at = last_hour + HOUR if last_hour else part.released_at or now
            if strata.of_part(part.number) in held and moved_at + STUCK > now:
                ask_at.append(now + ASK_AGAIN)
                continue
        ripe.append(part.pk)
    if ripe:
        ExperimentBatch.objects.filter(pk__in=ripe).update(matured_at=now)
    all_out = all(part.released_at for part in parts)
    is_complete = bool(parts) and all_out and len(ripe) == len(waiting)
    is_late = bool(experiment.days) and experiment.deadline_at is not None and experiment.deadline_at <= now
    if not experiment.days and not is_complete and experiment.deadline_at and experiment.deadline_at <= now:
        # Slow mail moves the end; a screen should say so.
        experiment.deadline_at = max([*ask_at, now + HOUR])
    last = is_complete or is_late
    once = deciding.is_judged_once(experiment)
    soonest = min([*ask_at, *([experiment.deadline_at] if experiment.deadline_at else [])], default=now + HOUR)
    return _Due(last or (bool(ripe) and not once), last, soonest)


def _all_sent(experiment: Experiment, found: Matured) -> tuple[int, datetime | None]:
    """Return what was sent in all strata of a send-time test, which is one part; of any other nothing."""
    if experiment.design != Design.SEND_TIME or not found.per_stratum:
        return 0, None
    return (
        sum(each.sent for each in found.per_stratum.values()),
        max(each.last_hour for each in found.per_stratum.values()),
    )


def _held_up(experiment: Experiment) -> set[int]:
    """Return the strata of which mail has not left yet; a send-time test's are one part."""
    mailing_ids = [variant.mailing_id for variant in selectors.variants_of(experiment) if variant.mailing_id]
    found = delivery.waiting_strata(mailing_ids) - {strata.NOT_COUNTED}
    return {strata.of_part(0)} if found and experiment.design == Design.SEND_TIME else found


def _when_come_by(experiment: Experiment, found: Matured, now: datetime) -> _Due:
    """By the rule that was chosen; in any case at the deadline, with whoever counts by then."""
    next_hour = whole_hour(now) + HOUR
    ask_at = min(next_hour, experiment.deadline_at) if experiment.deadline_at else next_hour
    if experiment.deadline_at is not None and experiment.deadline_at <= now:
        return _Due(now=True, last=True, ask_at=ask_at)
    looks = selectors.looks_at(experiment)
    if deciding.is_always_valid(experiment):
        since = looks[-1].looked_at if looks else experiment.started_at or now
        return _Due(now=since + DAY <= now and any(found.trials), last=False, ask_at=ask_at)
    arms = selectors.active_arms(selectors.variants_of(experiment)) or tuple(range(len(found.trials)))
    planned = deciding.planned_per_arm(experiment, len(arms)) * len(arms)
    steps = 1 if deciding.is_judged_once(experiment) else experiment.batches
    reached = min(steps * sum(found.trials[arm] for arm in arms) // planned, steps)
    before = looks[-1].question["trials"] if looks else [0] * len(found.trials)
    return _Due(reached > steps * sum(before[arm] for arm in arms) // planned, reached == steps, ask_at)


def _window(experiment: Experiment) -> timedelta:
    return timedelta(hours=experiment.window_hours)
