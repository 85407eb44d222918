import pytest

from campaigns.audience import Audience, Size, measure, stream
from campaigns.rotation import assign_mailboxes
from contacts.models import Contact, ListMember, Segment, Suppression
from core import clock
from delivery import services as delivery
from tests.factories.campaigns import make_list
from tests.factories.sequences import make_contacts, make_mailbox
from tests.factories.team import WorkspaceFactory


@pytest.fixture
def contacts(workspace):
    return make_contacts(workspace, 10)


def ids(audience, **kwargs):
    return [contact_id for chunk in stream(audience, **{"size": 3, **kwargs}) for contact_id in chunk]


def test_an_audience_is_the_union_of_its_lists_less_the_excluded_ones(workspace, contacts):
    one = make_list(workspace, contacts[:5], name="One")
    two = make_list(workspace, contacts[3:8], name="Two")
    out = make_list(workspace, contacts[:1], name="Out")
    audience = Audience(workspace.pk, (one.pk, two.pk), (), (out.pk,))
    assert ids(audience) == contacts[1:8]
    assert measure(audience) == Size(7, 0)


def test_nobody_is_in_an_audience_without_lists_and_segments(workspace, contacts):
    assert ids(Audience(workspace.pk)) == []
    assert measure(Audience(workspace.pk)) == Size(0, 0)


def test_a_segment_is_asked_when_it_is_counted(workspace, contacts):
    Contact.objects.filter(pk__in=contacts[:4]).update(company="ACME")
    from contacts.services import create_segment

    segment = create_segment(
        workspace=workspace,
        name="ACME",
        definition={"match": "all", "conditions": [{"field": "company", "operator": "is", "value": "ACME"}]},
    )
    assert isinstance(segment, Segment)
    assert measure(Audience(workspace.pk, segment_ids=(segment.pk,))) == Size(4, 0)


def test_suppressed_contacts_are_counted_apart_and_left_out(workspace, contacts):
    people = make_list(workspace, contacts)
    Suppression.objects.create(workspace=workspace, email_key="person3@example.com", reason="manual")
    Suppression.objects.create(workspace=WorkspaceFactory(), email_key="person4@example.com", reason="manual")
    audience = Audience(workspace.pk, (people.pk,))
    size = measure(audience)
    assert (size.total, size.suppressed, size.recipients) == (10, 1, 9)
    assert ids(audience) == contacts[:3] + contacts[4:]


def test_a_stream_goes_on_after_a_position_in_chunks(workspace, contacts):
    audience = Audience(workspace.pk, (make_list(workspace, contacts).pk,))
    assert [len(chunk) for chunk in stream(audience, size=4)] == [4, 4, 2]
    assert ids(audience, after=contacts[6]) == contacts[7:]


@pytest.mark.django_db(transaction=True)
def test_a_stream_is_of_one_moment_and_lets_its_caller_commit():
    workspace = WorkspaceFactory()
    contacts = make_contacts(workspace, 6)
    people = make_list(workspace, contacts)
    seen = []
    for chunk in stream(Audience(workspace.pk, (people.pk,)), size=2):
        ListMember.objects.filter(list=people).delete()
        seen += chunk
    assert seen == contacts


def test_lists_of_another_workspace_bring_nobody(workspace, contacts):
    other = WorkspaceFactory()
    foreign = make_list(other, make_contacts(other, 2))
    assert ids(Audience(workspace.pk, (foreign.pk,))) == []


def test_new_contacts_are_spread_evenly_over_the_pool(workspace, contacts):
    pool = [make_mailbox(workspace, name=f"m{number}").pk for number in range(3)]
    first = assign_mailboxes(pool=pool, contact_ids=contacts, offset=0)
    second = assign_mailboxes(pool=pool, contact_ids=contacts, offset=10)
    counts = sorted((first + second).count(mailbox) for mailbox in pool)
    assert counts == [6, 7, 7]


def test_a_contact_stays_with_the_mailbox_of_the_pool_that_first_wrote_to_it(workspace, contacts):
    a, b, c = (make_mailbox(workspace, name=name) for name in "abc")

    def write(mailbox, contact_id, key):
        mailing = delivery.create_mailing(workspace=workspace, name="M", format="html", subject="S", source="<p>x</p>")
        delivery.queue_messages(
            mailing=mailing,
            contact_ids=[contact_id],
            mailbox_ids=[mailbox.pk],
            keys=[key],
            due_at=clock.now(),
            now=clock.now(),
        )

    write(c, contacts[0], "1")
    write(b, contacts[0], "2")
    write(a, contacts[0], "3")
    pool = [a.pk, b.pk, c.pk]
    assert assign_mailboxes(pool=pool, contact_ids=contacts[:1]) == [c.pk]
    # Without the first one it goes to the one of the pool that wrote next.
    assert assign_mailboxes(pool=[a.pk, b.pk], contact_ids=contacts[:1]) == [b.pk]
    assert assign_mailboxes(pool=[a.pk], contact_ids=contacts[:1]) == [a.pk]
