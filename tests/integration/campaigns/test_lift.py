"""What a campaign has brought about: those who got it and those held out, each counted after their own days."""

from datetime import timedelta

import pytest

from abtests.statistics import difference
from campaigns import services
from campaigns.lift import Lift, Side, lift_of
from campaigns.models import Campaign, HeldOut, HoldoutGroup
from sequences.models import Enrolment
from tests.factories.campaigns import make_campaign
from tests.factories.team import ApiTokenFactory, MembershipFactory, WorkspaceFactory
from tests.integration.campaigns.test_holdouts import launch
from tracking.models import CustomEvent

DAY = timedelta(days=1)


@pytest.fixture
def campaign(workspace, mailbox, at_nine) -> Campaign:
    """A broadcast to 100 that was launched at nine and holds out half."""
    made = make_campaign(workspace, contacts=100, holdout_share=0.5, holdout_event="order.paid", holdout_days=7)
    return launch(made)


@pytest.fixture
def member(workspace):
    return MembershipFactory(workspace=workspace, role="analyst").user


@pytest.fixture
def foreigner(db):
    return MembershipFactory(role="owner").user


def sides(campaign: Campaign) -> tuple[list[int], list[int]]:
    held = HeldOut.objects.filter(campaign=campaign).order_by("contact_id").values_list("contact_id", flat=True)
    mailed = Enrolment.objects.filter(sequence=campaign.sequence).order_by("pk").values_list("contact_id", flat=True)
    return list(mailed), list(held)


def buy(workspace, contact_ids, at, name="order.paid"):
    CustomEvent.objects.bulk_create(
        CustomEvent(workspace_id=workspace.pk, contact_id=pk, name=name, occurred_at=at, recorded_at=at)
        for pk in contact_ids
    )


def test_both_sides_are_counted_after_their_days_with_the_events_in_them(workspace, campaign, at_nine):
    mailed, held = sides(campaign)
    assert min(len(mailed), len(held)) > 25
    buy(workspace, mailed[:20], at_nine + DAY)
    buy(workspace, mailed[:20], at_nine + 2 * DAY)  # twice is once
    buy(workspace, held[:3], at_nine)
    buy(workspace, held[3:9], at_nine - DAY)  # before
    buy(workspace, held[3:9], at_nine + 7 * DAY)  # too late
    buy(workspace, held[3:9], at_nine + DAY, name="order.seen")
    buy(WorkspaceFactory(), held[3:9], at_nine + DAY)
    found = lift_of(campaign, now=at_nine + 7 * DAY)
    assert (found.mailed, found.held_out) == (Side(len(mailed), 20), Side(len(held), 3))
    assert found.unripe == 0
    assert found.difference == pytest.approx(20 / len(mailed) - 3 / len(held))
    assert found.interval == pytest.approx(difference([20, 3], [len(mailed), len(held)]))
    assert found.is_proven
    assert found.sentence.startswith("It works: between ")
    seen = lift_of(campaign, event="order.seen", days=3, now=at_nine + 7 * DAY)
    assert (seen.mailed.converted, seen.held_out.converted) == (0, 6)
    assert seen.sentence.startswith(("No effect is proven", "It does harm"))


def test_nobody_counts_before_their_days_are_over(workspace, campaign, at_nine):
    mailed, _held = sides(campaign)
    buy(workspace, mailed, at_nine + DAY)
    found = lift_of(campaign, now=at_nine + 6 * DAY)
    assert (found.mailed, found.held_out, found.unripe) == (Side(), Side(), 100)
    assert (found.difference, found.interval, found.brought) == (None, None, None)
    assert found.first_at == at_nine + 7 * DAY
    assert found.sentence == "Nobody’s 7 days are over yet."


def test_without_an_event_or_anybody_held_out_there_is_nothing(workspace, mailbox, at_nine, campaign):
    plain = launch(make_campaign(workspace, contacts=5))
    assert lift_of(plain, event="x", now=at_nine + 30 * DAY) == Lift("x", 14)
    services.duplicate_campaign(campaign)
    Campaign.objects.filter(pk=campaign.pk).update(holdout_event="")
    campaign.refresh_from_db()
    found = lift_of(campaign, now=at_nine + 30 * DAY)
    assert not found.is_known
    assert found.sentence == "Choose the event that the campaign is meant to bring about."


def test_who_the_group_holds_out_is_not_compared(workspace, mailbox, at_nine):
    services.set_holdout_group(workspace, share=0.5)
    campaign = launch(make_campaign(workspace, contacts=100, holdout_share=0.5, holdout_event="order.paid"))
    found = lift_of(campaign, now=at_nine + 14 * DAY)
    causes = list(HeldOut.objects.filter(campaign=campaign).values_list("cause", flat=True))
    assert found.by_group == causes.count(HeldOut.Cause.GROUP) > 0
    assert found.held_out.people == causes.count(HeldOut.Cause.CAMPAIGN) > 0


def test_the_messages_of_a_closed_broadcast_tell_who_got_it(workspace, campaign, at_nine):
    before = lift_of(campaign, now=at_nine + 7 * DAY)
    Enrolment.objects.filter(sequence=campaign.sequence).delete()
    assert lift_of(campaign, now=at_nine + 7 * DAY) == before


def test_the_report_shows_the_comparison(client, workspace, campaign, at_nine, member):
    client.force_login(member)
    report = client.get(f"/campaigns/{campaign.pk}/report/")
    assert f'hx-get="/campaigns/{campaign.pk}/lift/"' in report.content.decode()
    part = client.get(f"/campaigns/{campaign.pk}/lift/", {"event": "order.paid", "days": "3"})
    assert part.status_code == 200
    assert "Nobody’s 3 days are over yet." in part.content.decode()
    for query in ({"days": "x"}, {"days": "99999999999"}, {"event": "\x00"}):
        assert client.get(f"/campaigns/{campaign.pk}/lift/", query).status_code == 200


def test_another_workspaces_comparison_is_not_found(client, campaign, foreigner):
    client.force_login(foreigner)
    assert client.get(f"/campaigns/{campaign.pk}/lift/").status_code == 404


def test_the_api_tells_it(client, workspace, campaign, at_nine):
    token = ApiTokenFactory(workspace=workspace, scopes=["campaigns:read"])
    answer = client.get(
        f"/api/v1/campaigns/{campaign.pk}/lift/", {"days": 3}, headers={"authorization": f"Bearer {token.secret}"}
    )
    assert answer.status_code == 200, answer.content
    assert answer.json()["mailed"] == {"people": 0, "converted": 0, "rate": None}
    assert (answer.json()["event"], answer.json()["days"], answer.json()["difference"]) == ("order.paid", 3, None)


def test_owners_keep_the_workspaces_group(client, workspace, mailbox, at_nine, member, foreigner):
    page = "/campaigns/held-out/"
    client.force_login(member)
    assert "Everybody gets mail" in client.get(page).content.decode()
    assert client.post(page, {"percent": "5", "renew_months": "3"}).status_code == 403
    assert client.post(f"{page}renew/").status_code == 403
    owner = MembershipFactory(workspace=workspace, role="owner").user
    client.force_login(owner)
    for wrong in (
        {"percent": "51", "renew_months": "3"},
        {"percent": "nan", "renew_months": "3"},
        {"percent": "5", "renew_months": "2"},
    ):
        assert client.post(page, wrong).status_code == 422
    assert client.post(page, {"percent": "5", "renew_months": "3"}).status_code in (204, 302)
    group = HoldoutGroup.objects.get(workspace=workspace, until=None)
    assert (group.share, group.renew_months) == (0.05, 3)
    assert "2 Jun 2026" in client.get(page).content.decode()
    client.post(f"{page}renew/")
    assert HoldoutGroup.objects.get(workspace=workspace, until=None) != group
    client.force_login(foreigner)
    assert "Of all contacts" not in client.get(page).content.decode()


def test_the_checklist_sets_the_share(client, workspace, mailbox, at_nine):
    draft = make_campaign(workspace)
    client.force_login(MembershipFactory(workspace=workspace, role="editor").user)
    page = client.get(f"/campaigns/{draft.pk}/").content.decode()
    assert 'name="holdout_percent"' in page
    given = {"version": draft.version, "name": "N", "when": "now", "time_zone": "UTC", "track_opens": "on"}
    given |= {"holdout_percent": "12.5", "holdout_event": "order.paid", "holdout_days": "30", "is_necessary": "on"}
    assert client.post(f"/campaigns/{draft.pk}/save/", given).status_code == 200
    draft.refresh_from_db()
    assert (draft.holdout_share, draft.holdout_event, draft.holdout_days) == (0.125, "order.paid", 30)
    assert draft.is_necessary
    answer = client.post(f"/campaigns/{draft.pk}/save/", {**given, "version": draft.version, "holdout_percent": "51"})
    assert answer.status_code == 422
    assert "holdout_percent" in answer.json()["errors"]


def test_the_api_sets_the_share(client, workspace, mailbox):
    bearer = {"authorization": f"Bearer {ApiTokenFactory(workspace=workspace).secret}"}
    draft = make_campaign(workspace)
    url = f"/api/v1/campaigns/{draft.pk}/"
    holdout = {"share": 0.1, "event": "order.paid", "days": 30}
    changed = client.patch(url, {"holdout": holdout, "necessary": True}, "application/json", headers=bearer)
    assert changed.status_code == 200, changed.content
    assert (changed.json()["holdout"], changed.json()["necessary"]) == (holdout, True)
    for wrong in ({"share": 0.6}, {"share": 0.1, "days": 0}, {"share": "much"}):
        assert client.patch(url, {"holdout": wrong}, "application/json", headers=bearer).status_code == 422
