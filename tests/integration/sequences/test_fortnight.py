"""A fortnight of a running sequence of eight steps with 2,000 contacts, edited twice on the way, over real SMTP.

Time is simulated; what everybody is sent, and when, was worked out by hand from the semantics and stands below.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contacts import services as contacts
from contacts.models import Contact
from core import clock, facts
from delivery import selectors as delivery
from delivery import services as delivery_services
from delivery.models import Message, MessageState
from delivery.services import sending
from sequences import selectors, services
from sequences.models import Enrolment, EnrolmentState, Policy
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document, make_mailbox
from tests.factories.team import WorkspaceFactory
from tests.faults.receiver import receiving

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
NOON = timedelta(hours=3)
COHORT = 400
ENTER = [0, 1, 2, 3, 7]


def mail(key: str, subject: str) -> dict[str, Any]:
    return {"key": key, "kind": "email", "subject": subject, "source": SOURCE}


def wait(key: str, days: int) -> dict[str, Any]:
    return {"key": key, "kind": "wait", "wait": f"P{days}D"}


def branch(*yes: dict[str, Any]) -> dict[str, Any]:
    asked = {"key": "q", "kind": "branch", "on": "field", "field": "custom.plan", "operator": "is", "value": "pro"}
    return {**asked, "lanes": {"yes": list(yes), "no": []}}


WELCOME, TIPS, NEWS, PRO = mail("a", "Welcome"), mail("b", "Tips"), mail("n", "News"), mail("c", "Pro")
FIRST = [WELCOME, wait("w", 2), TIPS, wait("x", 3), branch(PRO), wait("y", 4), mail("d", "Goodbye")]
# On day 3 at noon: the first wait is a day shorter, the tips are better, and there are news before the branch.
BETTER = mail("b", "Better tips")
SECOND = [WELCOME, wait("w", 1), BETTER, wait("x", 3), NEWS, branch(PRO), wait("y", 4), mail("d", "Goodbye")]
# On day 6 before noon: the tips come after the news, the wait before the goodbye is gone, the goodbye is another, and there is a P.S.
THIRD = [
    WELCOME, wait("w", 1), wait("x", 3), NEWS, BETTER, branch(PRO), mail("d", "Farewell"), wait("z", 1), mail("e", "P.S."),
]  # fmt: skip

# What a cohort is sent: the subject, the day, and whether at noon (all else is at nine).  "Pro" goes to every second of them.
LEDGER: dict[int, list[tuple[str, int, bool]]] = {
    # In w until day 2, in x until day 5.  In y since day 5 when it is taken out: they serve it until day 9.
    0: [("Welcome", 0, False), ("Tips", 2, False), ("News", 5, False), ("Pro", 5, False),
        ("Farewell", 9, False), ("P.S.", 10, False)],
    # The same a day later; they come to y on day 6 at nine, before it is taken out.
    1: [("Welcome", 1, False), ("Tips", 3, False), ("News", 6, False), ("Pro", 6, False),
        ("Farewell", 10, False), ("P.S.", 11, False)],
    # In w since day 2 when it becomes a day: overdue, so the tips go at once, at noon.  x is over on day 6 at noon, after
    # the second change: the tips, behind the news now, they had.  There is no y any more.
    2: [("Welcome", 2, False), ("Better tips", 3, True), ("News", 6, True), ("Pro", 6, True),
        ("Farewell", 6, True), ("P.S.", 7, True)],
    # In w since day 3; a day is over on day 4, x on day 7.
    3: [("Welcome", 3, False), ("Better tips", 4, False), ("News", 7, False), ("Pro", 7, False),
        ("Farewell", 7, False), ("P.S.", 8, False)],
    # They know only the third version: a day and three days, then all that comes one after the other.
    4: [("Welcome", 7, False), ("News", 11, False), ("Better tips", 11, False), ("Pro", 11, False),
        ("Farewell", 11, False), ("P.S.", 12, False)],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_worker(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    yield
    for courier in sending._couriers.values():
        courier.retire(keep_journal=False)
    sending._couriers.clear()


def work(now: datetime) -> None:
    """Do what beat and workers do until nothing is left to do at `now`."""
    with clock.simulated(now):
        while services.advance_due(now=now) + delivery_services.dispatch_due(seconds=30):
            facts.deliver()


def publish(sequence, steps, now):
    with clock.simulated(now):
        services.open_draft(sequence)
        services.replace_steps(sequence, steps=steps)
        seen = services.preview_publish(sequence)
        publication = services.publish_changes(sequence, policy=Policy.MIGRATE, revision=seen.revision)
        assert publication.finished_at == now
        assert publication.moved == seen.people == seen.moves
    sequence.refresh_from_db()
    return seen


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_fortnight_of_two_thousand_contacts_edited_twice_matches_the_ledger(receiver):
    workspace = WorkspaceFactory(time_zone="UTC")
    contacts.create_field(workspace=workspace, label="Plan")
    ids = make_contacts(workspace, COHORT * len(ENTER))
    Contact.objects.filter(pk__in=ids[::2]).update(attributes={"plan": "pro"})
    cohorts = [ids[number * COHORT : (number + 1) * COHORT] for number in range(len(ENTER))]
    mailbox = make_mailbox(workspace, port=receiver.port)
    with clock.simulated(START):
        sequence = make_document(workspace, FIRST)

    for day in range(15):
        at_nine, at_noon = START + day * DAY, START + day * DAY + NOON
        with clock.simulated(at_nine):
            for cohort, entered in zip(cohorts, ENTER, strict=True):
                if entered == day:
                    assert enrol(sequence, cohort, mailbox) == COHORT
        work(at_nine)
        if day == 3:
            seen = publish(sequence, SECOND, at_noon)
            assert (seen.people, seen.waits, seen.overdue) == (4 * COHORT, 2 * COHORT, COHORT)
            assert seen.skips == 0
        if day == 6:
            seen = publish(sequence, THIRD, at_noon - timedelta(hours=1))
            assert (seen.people, seen.waits, seen.overdue, seen.exits) == (4 * COHORT, 0, 0, 0)
            # The cohorts in x had the tips that come again behind the news.
            assert [(skip.key, skip.people, skip.why) for skip in seen.skipped] == [("b", 2 * COHORT, "sent")]
        work(at_noon)

    sent: dict[int, list[tuple[str, datetime | None]]] = defaultdict(list)
    messages = Message.objects.filter(workspace=workspace).order_by("accepted_at", "pk")
    for contact, subject, at in messages.values_list("contact_id", "mailing__subject", "accepted_at"):
        assert contact is not None
        sent[contact].append((subject, at))
    for number, cohort in enumerate(cohorts):
        for place, contact in enumerate(cohort):
            expected = [
                (subject, START + day * DAY + (NOON if noon else timedelta()))
                for subject, day, noon in LEDGER[number]
                if subject != "Pro" or place % 2 == 0
            ]
            assert sent[contact] == expected, (number, place)

    total = sum(len(lines) * COHORT - COHORT // 2 for lines in LEDGER.values())
    assert set(messages.values_list("state", flat=True)) == {MessageState.ACCEPTED}
    assert messages.count() == receiver.count == total
    # What arrived is what the ledger says, for everybody.
    addresses = dict(Contact.objects.values_list("email", "pk"))
    assert {addresses[email]: count for email, count in receiver.taken.items()} == {
        contact: len(lines) for contact, lines in sent.items()
    }
    assert set(Enrolment.objects.values_list("state", flat=True)) == {EnrolmentState.COMPLETED}
    assert set(Enrolment.objects.values_list("version__number", flat=True)) == {3}
    totals = delivery.totals(selectors.mailing_ids(sequence))
    assert (totals.queued, totals.accepted, totals.waiting) == (total, total, 0)


@pytest.mark.django_db(transaction=True)
def test_a_flood_of_overdue_people_leaves_no_faster_than_the_mailbox_may_send_and_waits_on_from_there(receiver):
    workspace = WorkspaceFactory(time_zone="UTC")
    ids = make_contacts(workspace, 30)
    mailbox = make_mailbox(workspace, port=receiver.port)
    with clock.simulated(START):
        sequence = make_document(workspace, [WELCOME, wait("w", 9), TIPS, wait("x", 1), NEWS])
        enrol(sequence, ids, mailbox)
    work(START)
    assert receiver.count == 30
    type(mailbox).objects.filter(pk=mailbox.pk).update(per_day=10)
    noon = START + 5 * DAY
    seen = publish(sequence, [WELCOME, wait("w", 1), TIPS, wait("x", 1), NEWS], noon)
    assert seen.overdue == 30
    for hour in range(24 * 9):
        work(noon + timedelta(hours=hour))
    accepted: dict[str, dict[int | None, datetime]] = defaultdict(dict)
    for contact, subject, at in Message.objects.values_list("contact_id", "mailing__subject", "accepted_at"):
        assert at is not None
        accepted[subject][contact] = at
    assert len(accepted["Tips"]) == len(accepted["News"]) == 30
    per_day: dict[Any, int] = defaultdict(int)
    for subject in ("Tips", "News"):
        for at in accepted[subject].values():
            per_day[at.date()] += 1
    assert max(per_day.values()) == 10
    # The day between the two emails is kept, however late the first of them left.
    assert all(accepted["News"][contact] - at >= DAY for contact, at in accepted["Tips"].items())
