"""Who is where in a sequence: counted by step, searched, a page at a time."""

from dataclasses import dataclass

from django.db import connection
from django.db.models import QuerySet

from contacts.selectors import ContactFilter, find_contacts
from core.exceptions import InvalidInput
from sequences.models import OPEN_STATES, Enrolment, EnrolmentState, Sequence

STATES = {state.name.lower(): state for state in EnrolmentState}
OPEN = "open"


@dataclass(frozen=True, slots=True)
class PeopleFilter:
    """What the list is narrowed to; `state` is "", "open" or the name of an EnrolmentState in small letters."""

    query: str = ""
    step: str = ""
    state: str = ""
    reason: str = ""

    def __bool__(self) -> bool:
        return bool(self.query or self.step or self.state or self.reason)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many people stand where: `open` by step, `ended` by state and reason; `held` are those of the open who are held."""

    open: dict[str, int]
    ended: dict[tuple[EnrolmentState, str], int]
    held: int = 0

    @property
    def on_the_way(self) -> int:
        """Everybody who has not ended."""
        return sum(self.open.values())

    @property
    def completed(self) -> int:
        """Who came to the end."""
        return sum(count for (state, _), count in self.ended.items() if state == EnrolmentState.COMPLETED)

    @property
    def stopped(self) -> int:
        """Who was stopped on the way, a goal included."""
        return sum(count for (state, _), count in self.ended.items() if state == EnrolmentState.STOPPED)

    @property
    def everybody(self) -> int:
        """Everybody who ever entered."""
        return self.on_the_way + sum(self.ended.values())


def count_people(sequence: Sequence) -> Counts:
    """Return how many people stand where, by one grouped statement over the sequence's enrolments.

    A million of them are counted in a fifth of a second by two parallel workers (docs/reference/sequences.md); no counter has to be
    kept by the engine for it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT CASE WHEN state IN (0, 3) THEN step_key ELSE '' END, state, CASE WHEN state IN (0, 3) THEN '' ELSE reason END,
                count(*)
            FROM sequences_enrolment WHERE sequence_id = %s GROUP BY 1, 2, 3
            """,
            [sequence.pk],
        )
        found = cursor.fetchall()
    counts = Counts({}, {}, sum(count for _, state, _, count in found if state == EnrolmentState.HELD))
    for step, state, reason, count in found:
        if state in OPEN_STATES:
            counts.open[step] = counts.open.get(step, 0) + count
        else:
            counts.ended[EnrolmentState(state), reason] = count
    return counts


def find_people(sequence: Sequence, criteria: PeopleFilter) -> QuerySet[Enrolment]:
    """Return the sequence's enrolments that fit, with their contacts, newest first.  Raises InvalidInput for a state that isn't."""
    return narrow(Enrolment.objects.filter(sequence=sequence), criteria, sequence).select_related("contact")


def narrow(enrolments: QuerySet[Enrolment], criteria: PeopleFilter, sequence: Sequence) -> QuerySet[Enrolment]:
    """Narrow enrolments of a sequence to those that fit."""
    if criteria.state == OPEN:
        enrolments = enrolments.filter(state__in=OPEN_STATES)
    elif criteria.state:
        if criteria.state not in STATES:
            message = f"One of {OPEN}, {', '.join(STATES)}."
            raise InvalidInput("There is no such state.", fields={"state": [message]})
        enrolments = enrolments.filter(state=STATES[criteria.state])
    if criteria.step:
        enrolments = enrolments.filter(step_key=criteria.step)
    if criteria.reason:
        enrolments = enrolments.filter(reason=criteria.reason)
    if criteria.query:
        # The trigram index finds the contacts, the unique key (sequence, contact, entry) their enrolments.
        found = find_contacts(sequence.workspace, ContactFilter(query=criteria.query))
        enrolments = enrolments.filter(contact__in=found.values("pk"))
    return enrolments
