"""The live numbers of a sequence, and how the lanes are drawn that rejoin."""

import pytest
from django.test import Client

from sequences import services
from sequences.models import Enrolment, EnrolmentState
from sequences.views.canvas import draw, version_shown
from tests.factories.campaigns import make_campaign
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_mailbox
from tests.factories.team import MembershipFactory

pytestmark = pytest.mark.django_db

LETTER = {"kind": "email", "subject": "Hello", "format": "html", "source": SOURCE}


def test_who_is_where_and_who_left_is_counted_by_step(client: Client) -> None:
    member = MembershipFactory(role="analyst")
    mailbox = make_mailbox(member.workspace)
    steps = [{"key": "pause", "kind": "wait", "wait": "P1D"}, {"key": "hello", **LETTER}]
    sequence = make_campaign(member.workspace, kind="drip", steps=steps).sequence
    services.publish(sequence)
    enrol(sequence, make_contacts(member.workspace, 3, prefix="way"), mailbox)
    left = Enrolment.objects.filter(sequence=sequence).first()
    assert left is not None
    Enrolment.objects.filter(pk=left.pk).update(state=EnrolmentState.STOPPED, reason="replied")
    client.force_login(member.user)
    found = client.get(f"/sequences/{sequence.pk}/numbers/").json()
    assert found["entered"] == 3
    assert (found["steps"]["pause"]["waiting"], found["steps"]["pause"]["left"]) == (2, 1)
    assert found["steps"]["pause"]["sent"] is None
    assert found["steps"]["hello"]["sent"] == 0


@pytest.mark.parametrize(
    ("ended", "joins"),
    [
        ((), [(False, True), (True, True), (True, False)]),
        (("yes",), [(False, False), (False, True), (True, False)]),
        (("yes", "undelivered"), [(False, False), (False, False), (False, False)]),
        (("no", "undelivered"), [(False, True), (True, False), (False, False)]),
        (("yes", "no", "undelivered"), [(False, False), (False, False), (False, False)]),
    ],
)
def test_the_line_below_leads_from_the_lanes_that_rejoin_to_the_middle(
    ended: tuple[str, ...], joins: list[tuple[bool, bool]]
) -> None:
    workspace = MembershipFactory().workspace
    lanes = {outcome: [{"kind": "exit"}] for outcome in ended}
    branch = {"key": "ask", "kind": "branch", "on": "engagement", "step": "hello", "lanes": lanes}
    sequence = make_campaign(workspace, kind="drip", steps=[{"key": "hello", **LETTER}, branch]).sequence
    _, steps = version_shown(sequence)
    card = draw(sequence, steps).root.cards[1]
    assert [(lane.joins_left, lane.joins_right) for lane in card.lanes] == joins
