"""Who is held out gets nothing, by whatever way they would come in; the same contacts each time, and it is written down."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abtests.assignment import is_held_out
from abtests.selectors import held_out_sql
from campaigns import services
from campaigns.audience import size_of
from campaigns.exceptions import InvalidCampaign
from campaigns.models import Arrival, Campaign, HeldOut, HoldoutGroup, Launch
from contacts import services as contacts
from contacts.models import Contact
from core import clock
from delivery.models import Message
from sequences.events import OthersAsked
from sequences.models import Enrolment
from team.models import Workspace
from tests.factories.campaigns import make_campaign, make_list
from tests.factories.sequences import make_contacts
from tests.factories.team import WorkspaceFactory
from tests.integration.campaigns.triggers import launch_triggered, tell

pytestmark = pytest.mark.django_db

PAID = {"kind": "event", "event": "order.paid"}
MANY = 400


def within(count: int, total: int, share: float) -> bool:
    """Tell whether the count is within five standard errors: once in two million runs it isn't."""
    return abs(count - total * share) < 5 * math.sqrt(total * share * (1 - share))


def launch(campaign: Campaign) -> Campaign:
    services.check_campaign(campaign)
    check = campaign.checks.latest("id")
    if check.status == "running":
        services.run_check(check.pk)
    services.launch_campaign(campaign, accept_warnings=True)
    services.run_launch(campaign.pk)
    return campaign


def held(campaign: Campaign) -> set[int]:
    return set(HeldOut.objects.filter(campaign=campaign).values_list("contact_id", flat=True))


def mailed(campaign: Campaign) -> set[int | None]:
    """Who has a message or is on the way to one."""
    messages = Message.objects.filter(workspace=campaign.workspace_id, key__startswith="e")
    keys = dict(Enrolment.objects.filter(sequence=campaign.sequence).values_list("pk", "contact_id"))
    return set(keys.values()) | {
        message.contact_id for message in messages if int(message.key[1:].split(":")[0]) in keys
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40),
    share=st.floats(0, 1) | st.sampled_from([0.0, 1.0, 0.5, 2.0**-64, 2.0**-60, 1 - 2.0**-53]),
    ids=st.lists(st.integers(1, 2**63 - 1), min_size=1, max_size=40),
)
def test_the_database_and_the_function_hold_out_the_same_contacts(db, key, share, ids):
    condition, params = held_out_sql(key, share, contact_id="given.id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT given.id, {condition} FROM unnest(%s::bigint[]) WITH ORDINALITY AS given (id, place) ORDER BY place",
            [*params, ids],
        )
        found = cursor.fetchall()
    assert found == [(contact_id, is_held_out(key, contact_id, share)) for contact_id in ids]


def test_a_share_of_a_broadcasts_audience_gets_nothing_and_is_written_down(workspace, mailbox, at_nine):
    campaign = make_campaign(workspace, contacts=MANY, holdout_share=0.2)
    size = size_of(campaign)
    assert within(size.held_out, MANY, 0.2)
    assert size.recipients == MANY - size.held_out
    launch(campaign)
    everybody = set(Contact.objects.filter(workspace=workspace).values_list("pk", flat=True))
    assert len(held(campaign)) == size.held_out
    assert mailed(campaign) == everybody - held(campaign)
    assert Message.objects.count() == Launch.objects.get(campaign=campaign).expected == size.recipients
    assert set(HeldOut.objects.values_list("cause", "held_at")) == {(HeldOut.Cause.CAMPAIGN, at_nine)}


def test_the_count_and_the_check_say_how_many_are_held_out(workspace, mailbox, at_nine):
    campaign = make_campaign(workspace, contacts=100, holdout_share=0.5)
    check = services.check_campaign(campaign)
    (finding,) = [each for each in check.findings if each["code"] == "held_out"]
    assert (finding["level"], finding["count"]) == ("info", size_of(campaign).held_out)
    assert check.recipients + finding["count"] == 100
    assert check.rendered == check.recipients


def test_the_suppressed_among_the_held_out_are_suppressed(workspace, mailbox, at_nine):
    campaign = make_campaign(workspace, contacts=50, holdout_share=0.5)
    chosen = size_of(campaign)
    for contact in Contact.objects.filter(workspace=workspace):
        contacts.suppress(workspace_id=workspace.pk, email=contact.email, reason="manual")
    size = size_of(campaign)
    assert chosen.held_out > 0
    assert (size.total, size.suppressed, size.held_out, size.recipients) == (50, 50, 0, 0)


def test_a_launch_that_is_taken_up_again_holds_out_the_same(workspace, mailbox, at_nine):
    campaign = make_campaign(workspace, contacts=300, holdout_share=0.3)
    launch(campaign)
    before = held(campaign)
    Launch.objects.filter(campaign=campaign).update(finished_at=None, last_contact_id=0)
    services.run_launch(campaign.pk)
    assert held(campaign) == before
    assert not before & mailed(campaign)


def test_each_campaign_holds_out_others(workspace, mailbox, at_nine):
    ids = make_contacts(workspace, MANY)
    list_ = make_list(workspace, ids)
    first, second = (launch(make_campaign(workspace, lists=[list_], holdout_share=0.5, name=name)) for name in "AB")
    assert within(len(held(first) & held(second)), MANY, 0.25)


def test_nobody_held_out_of_a_triggered_campaign_enters_however_often_they_are_called(workspace, mailbox, at_nine):
    campaign = launch_triggered(workspace, {**PAID, "reentry": "gap", "gap": "PT1H"}, holdout_share=0.5)
    ids = make_contacts(workspace, 200)
    for hours in range(3):
        with clock.simulated(at_nine + timedelta(hours=2 * hours)):
            tell(workspace, *({"name": "order.paid", "contact": pk} for pk in ids))
    assert within(len(held(campaign)), 200, 0.5)
    assert mailed(campaign) == set(ids) - held(campaign)
    assert not Message.objects.filter(contact__in=held(campaign)).exists()
    arrivals = Arrival.objects.filter(reason="held_out")
    assert set(arrivals.values_list("contact_id", flat=True)) == held(campaign)
    assert set(arrivals.values_list("state", flat=True)) == {Arrival.State.TURNED_AWAY}


def test_who_is_turned_away_for_another_reason_is_not_held_out(workspace, mailbox, at_nine):
    flt = {"match": "all", "conditions": [{"field": "company", "operator": "is", "value": "Acme"}]}
    campaign = launch_triggered(workspace, {**PAID, "filter": flt}, holdout_share=0.5)
    tell(workspace, *({"name": "order.paid", "contact": pk} for pk in make_contacts(workspace, 40)))
    assert not held(campaign)


def test_who_is_there_already_when_a_triggered_campaign_starts_can_be_held_out(workspace, mailbox, at_nine):
    list_ = make_list(workspace, ids := make_contacts(workspace, 200))
    campaign = launch_triggered(
        workspace, {"kind": "list", "list": list_.pk, "include_current": True}, holdout_share=0.5
    )
    assert within(len(held(campaign)), 200, 0.5)
    assert mailed(campaign) == set(ids) - held(campaign)


@pytest.mark.parametrize("kind", ["drip", "triggered"])
def test_a_step_of_another_campaign_starts_nobody_who_is_held_out(workspace, mailbox, at_nine, kind):
    if kind == "drip":
        campaign = launch(
            make_campaign(
                workspace,
                kind="drip",
                lists=[make_list(workspace, make_contacts(workspace, 20, prefix="other"))],
                holdout_share=0.5,
            )
        )
        Enrolment.objects.all().delete()
        Message.objects.all().delete()
        HeldOut.objects.all().delete()
    else:
        campaign = launch_triggered(workspace, PAID, holdout_share=0.5)
    ids = make_contacts(workspace, 200)
    for _ in range(2):
        services.start_or_stop(OthersAsked(campaign.sequence_id, ids, ["a"] * len(ids)))
    assert within(len(held(campaign)), 200, 0.5)
    assert mailed(campaign) == set(ids) - held(campaign)


def test_the_workspaces_group_gets_no_campaign_but_the_necessary_ones(workspace, mailbox, at_nine):
    group = services.set_holdout_group(workspace, share=0.25)
    list_ = make_list(workspace, ids := make_contacts(workspace, 400))
    first, second = (launch(make_campaign(workspace, lists=[list_], name=name)) for name in "AB")
    receipt = launch_triggered(workspace, PAID, is_necessary=True, name="Receipt")
    tell(workspace, *({"name": "order.paid", "contact": pk} for pk in ids))
    drawn = {pk for pk in ids if is_held_out(f"holdout:group:{group.pk}", pk, 0.25)}
    assert within(len(drawn), 400, 0.25)
    assert held(first) == held(second) == drawn
    assert set(HeldOut.objects.values_list("cause", flat=True)) == {HeldOut.Cause.GROUP}
    assert mailed(first) == mailed(second) == set(ids) - drawn
    assert mailed(receipt) == set(ids)


def test_a_campaigns_share_is_drawn_from_those_outside_the_group(workspace, mailbox, at_nine):
    services.set_holdout_group(workspace, share=0.5)
    campaign = launch(make_campaign(workspace, contacts=MANY, holdout_share=0.5))
    causes = list(HeldOut.objects.filter(campaign=campaign).values_list("cause", flat=True))
    assert within(causes.count(HeldOut.Cause.GROUP), MANY, 0.5)
    assert within(causes.count(HeldOut.Cause.CAMPAIGN), MANY, 0.25)


def test_a_renewed_group_is_another_one_but_who_was_held_out_of_a_campaign_stays_so(workspace, mailbox, at_nine):
    services.set_holdout_group(workspace, share=0.5)
    ids = make_contacts(workspace, 200)
    campaign = launch_triggered(workspace, PAID)
    tell(workspace, *({"name": "order.paid", "contact": pk} for pk in ids))
    before = held(campaign)
    renewed = services.renew_holdout_group(workspace)
    tell(workspace, *({"name": "order.paid", "contact": pk} for pk in ids))
    assert held(campaign) >= before
    assert not before & mailed(campaign)
    drawn = {pk for pk in ids if is_held_out(f"holdout:group:{renewed.pk}", pk, 0.5)}
    assert drawn != before
    other = launch_triggered(workspace, PAID, name="Other")
    tell(workspace, *({"name": "order.paid", "contact": pk} for pk in ids))
    assert held(other) == drawn
    services.set_holdout_group(workspace, share=0)
    tell(workspace, *({"name": "order.paid", "contact": pk} for pk in ids))
    assert not before & mailed(campaign)


@pytest.mark.parametrize(
    ("months", "since", "renews"),
    [
        (1, datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 2, 27, 23, tzinfo=UTC)),
        (3, datetime(2026, 3, 2, 9, tzinfo=UTC), datetime(2026, 6, 1, 22, tzinfo=UTC)),
        (12, datetime(2024, 2, 29, 0, tzinfo=UTC), datetime(2025, 2, 27, 23, tzinfo=UTC)),
    ],
)
def test_a_group_is_renewed_when_its_months_are_over(months, since, renews):
    workspace = WorkspaceFactory(time_zone="Europe/Berlin")
    with clock.simulated(since):
        group = services.set_holdout_group(workspace, share=0.1, renew_months=months)
    assert services.renew_due_groups(now=renews - timedelta(seconds=1)) == 0
    with clock.simulated(renews):
        assert services.renew_due_groups() == 1
        assert services.renew_due_groups() == 0
    group.refresh_from_db()
    assert group.until == renews
    standing = HoldoutGroup.objects.get(workspace=workspace, until=None)
    assert (standing.share, standing.renew_months, standing.since) == (0.1, months, renews)


def test_a_group_that_is_never_renewed_stays(workspace, at_nine):
    services.set_holdout_group(workspace, share=0.1, renew_months=0)
    assert services.renew_due_groups(now=at_nine + timedelta(days=4_000)) == 0


def test_the_months_can_change_under_a_group_and_another_share_draws_others(workspace):
    first = services.set_holdout_group(workspace, share=0.1)
    assert services.set_holdout_group(workspace, share=0.1, renew_months=6) == first
    assert services.set_holdout_group(workspace, share=0.2) != first
    assert HoldoutGroup.objects.filter(workspace=workspace, until=None).count() == 1
    assert services.set_holdout_group(workspace, share=0) is None
    with pytest.raises(InvalidCampaign):
        services.renew_holdout_group(workspace)


@pytest.mark.parametrize("share", [-0.1, 0.51, float("nan")])
def test_a_share_that_cannot_be(workspace, mailbox, share):
    with pytest.raises(InvalidCampaign):
        services.set_holdout_group(workspace, share=share)
    with pytest.raises(InvalidCampaign):
        make_campaign(workspace, holdout_share=share)


def test_a_copy_holds_out_as_many_others(workspace: Workspace, mailbox):
    campaign = make_campaign(
        workspace, holdout_share=0.3, holdout_event="order.paid", holdout_days=7, is_necessary=True
    )
    copy = services.duplicate_campaign(campaign)
    assert (copy.holdout_share, copy.holdout_event, copy.holdout_days, copy.is_necessary) == (
        0.3,
        "order.paid",
        7,
        True,
    )


def test_deleted_contacts_are_forgotten(workspace, mailbox, at_nine):
    campaign = launch(make_campaign(workspace, contacts=40, holdout_share=0.5))
    gone = sorted(held(campaign))[:2]
    contacts.delete_contacts(workspace=workspace, contact_ids=gone)
    assert not held(campaign) & set(gone)
