"""How a sequence is doing, step by step: what was sent and answered, who waits where, who left where, which lanes were taken."""

from collections import defaultdict
from dataclasses import dataclass

from django.core.cache import cache
from django.db import connection

from delivery import selectors as delivery
from sequences import selectors
from sequences.models import OPEN_STATES, EnrolmentState, Sequence

# Counting a million rows takes a moment: pages that are polled share the answer.
FRESH_SECONDS = 10
LANES_FRESH_SECONDS = 60


@dataclass(frozen=True, slots=True)
class StepNumbers:
    """Counts of one step; of an email's messages those that people opened and clicked, without machines."""

    is_email: bool = False
    sent: int = 0
    opened: int = 0
    clicked: int = 0
    waiting: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Numbers:
    """Counts by the step's key, and how many took each lane, by the name of the lane."""

    steps: dict[str, StepNumbers]
    lanes: dict[str, int]
    entered: int


def numbers_of(sequence: Sequence) -> Numbers:
    """Return the sequence's numbers, at most ten seconds old (lanes a minute)."""
    found: Numbers | None = cache.get(key := f"sequence-numbers:{sequence.pk}")
    if found is None:
        found = _count(sequence)
        cache.set(key, found, FRESH_SECONDS)
    return found


def _count(sequence: Sequence) -> Numbers:
    emails = selectors.mailing_ids_by_step(sequence)
    totals = delivery.totals_by_mailing([pk for ids in emails.values() for pk in ids])
    waiting: dict[str, int] = defaultdict(int)
    left: dict[str, int] = defaultdict(int)
    entered = 0
    for key, state, count in _standing(sequence):
        entered += count
        if state in OPEN_STATES:
            waiting[key] += count
        elif state == EnrolmentState.STOPPED:
            left[key] += count
    steps = {
        key: StepNumbers(
            is_email=key in emails,
            sent=sum(totals[pk].accepted for pk in emails.get(key, ()) if pk in totals),
            opened=sum(totals[pk].opened_human for pk in emails.get(key, ()) if pk in totals),
            clicked=sum(totals[pk].clicked_human for pk in emails.get(key, ()) if pk in totals),
            waiting=waiting[key],
            left=left[key],
        )
        for key in {*emails, *waiting, *left}
    }
    return Numbers(steps, _lanes(sequence), entered)


def _standing(sequence: Sequence) -> list[tuple[str, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT step_key, state, count(*) FROM sequences_enrolment WHERE sequence_id = %s GROUP BY step_key, state",
            [sequence.pk],
        )
        return list(cursor.fetchall())


def _lanes(sequence: Sequence) -> dict[str, int]:
    found: dict[str, int] | None = cache.get(key := f"sequence-lanes:{sequence.pk}")
    if found is None:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT d.step_key || '.' || d.lane, count(*) FROM sequences_decision d
                JOIN sequences_enrolment e ON e.id = d.enrolment_id WHERE e.sequence_id = %s GROUP BY 1
                """,
                [sequence.pk],
            )
            found = dict(cursor.fetchall())
        cache.set(key, found, LANES_FRESH_SECONDS)
    return found
