"""A list or segment that a campaign needs isn't deleted under it; a draft tells what it has lost."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from campaigns import services
from campaigns.models import Campaign, Status
from contacts import services as contacts
from contacts.models import List, Segment
from core import clock
from core.exceptions import DomainError
from tests.factories.campaigns import make_campaign, make_list
from tests.factories.sequences import make_contacts
from tests.factories.team import ApiTokenFactory, MembershipFactory, UserFactory

EVERYBODY: dict[str, Any] = {"match": "all", "conditions": []}


@pytest.fixture
def api(workspace):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=workspace).secret}")
    return client


@pytest.fixture
def web(workspace):
    return signed_in(MembershipFactory(workspace=workspace).user)


@pytest.fixture
def admin(db):
    return signed_in(UserFactory(is_staff=True, is_superuser=True))


def signed_in(user):
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def to_scheduled(campaign: Campaign) -> None:
    services.schedule_campaign(campaign, send_at=clock.now() + timedelta(days=1), accept_warnings=True)


def to_running(campaign: Campaign) -> None:
    services.launch_campaign(campaign, accept_warnings=True)


def to_paused(campaign: Campaign) -> None:
    to_running(campaign)
    services.pause_campaign(campaign)


@pytest.mark.parametrize("move", [to_scheduled, to_running, to_paused])
def test_the_api_keeps_a_list_and_a_segment_that_a_campaign_needs(
    workspace, mailbox, api, move: Callable[[Campaign], None]
):
    segment = contacts.create_segment(workspace=workspace, name="Everybody", definition=EVERYBODY)
    campaign = make_campaign(workspace, name="Spring sale")
    services.update_campaign(campaign, changes={"segments": [segment]})
    move(campaign)
    list_ = campaign.lists.get()
    for url in (f"lists/{list_.pk}", f"segments/{segment.pk}"):
        refused = api.delete(f"/api/v1/{url}/")
        assert refused.status_code == 409
        assert refused.data["code"] == "in_use"
        assert "“Spring sale”" in refused.data["detail"]
        assert campaign.get_status_display().lower() in refused.data["detail"]
    assert list(campaign.lists.all()) == [list_]
    assert list(campaign.segments.all()) == [segment]


def test_what_a_campaign_leaves_out_is_needed_as_well(workspace, mailbox, api):
    campaign = make_campaign(workspace)
    excluded = contacts.create_list(workspace=workspace, name="Not these")
    services.update_campaign(campaign, changes={"excluded_lists": [excluded]})
    to_scheduled(campaign)
    assert api.delete(f"/api/v1/lists/{excluded.pk}/").status_code == 409


def test_the_page_says_which_campaigns_keep_the_list(workspace, mailbox, web):
    campaigns = [make_campaign(workspace, name=f"Sale {number}") for number in range(5)]
    list_ = campaigns[0].lists.get()
    for campaign in campaigns:
        services.update_campaign(campaign, changes={"lists": [list_]})
        to_scheduled(campaign)
    page = web.post(f"/contacts/lists/{list_.pk}/delete/", follow=True).content.decode()
    assert "“Sale 0” (scheduled), “Sale 1” (scheduled), “Sale 2” (scheduled) and 2 more" in page
    assert "was deleted" not in page
    assert List.objects.filter(pk=list_.pk).exists()


def test_the_admin_keeps_them_one_by_one_and_many_at_once(workspace, mailbox, admin):
    campaign = make_campaign(workspace, name="Spring sale")
    segment = contacts.create_segment(workspace=workspace, name="Everybody", definition=EVERYBODY)
    services.update_campaign(campaign, changes={"segments": [segment]})
    free = contacts.create_list(workspace=workspace, name="Free")
    to_scheduled(campaign)
    for model, obj in (("list", campaign.lists.get()), ("segment", segment)):
        one = admin.post(f"/admin/contacts/{model}/{obj.pk}/delete/", {"post": "yes"}, follow=True).content.decode()
        data = {"action": "delete_selected", "_selected_action": [obj.pk], "post": "yes"}
        if model == "list":
            data["_selected_action"].append(free.pk)
        many = admin.post(f"/admin/contacts/{model}/", data, follow=True).content.decode()
        for page in (one, many):
            assert "“Spring sale” (scheduled)" in page
            assert "uccessfully" not in page
    assert List.objects.filter(pk=free.pk).exists()
    assert Segment.objects.filter(pk=segment.pk).exists()


def test_a_draft_that_lost_a_list_is_blocked_until_somebody_looks_at_its_audience(workspace, mailbox, web, api):
    campaign = make_campaign(workspace)
    kept, gone = campaign.lists.get(), contacts.create_list(workspace=workspace, name="Old customers")
    services.update_campaign(campaign, changes={"lists": [kept, gone]})
    services.check_campaign(campaign)
    before = campaign.version
    assert api.delete(f"/api/v1/lists/{gone.pk}/").status_code == 204
    campaign.refresh_from_db()
    assert campaign.version > before
    page = web.get(f"/campaigns/{campaign.pk}/").content.decode()
    assert "The list “Old customers” is gone." in page
    assert 'href="#audience">audience</a>' in page
    refused = api.post(f"/api/v1/campaigns/{campaign.pk}/launch/", {"accept_warnings": True}, format="json")
    assert refused.status_code == 409
    assert refused.data["code"] == "check_failed"
    assert "“Old customers”" in refused.data["detail"]
    shown = api.get(f"/api/v1/campaigns/{campaign.pk}/").data
    assert shown["lost_audience"] == [{"kind": "list", "name": "Old customers", "excluded": False}]
    assert web.post(f"/campaigns/{campaign.pk}/audience/").status_code == 302
    launched = api.post(f"/api/v1/campaigns/{campaign.pk}/launch/", {"accept_warnings": True}, format="json")
    assert launched.status_code == 200, launched.data


def test_giving_the_audience_again_goes_on_without_what_was_deleted(workspace, mailbox, api):
    campaign = make_campaign(workspace)
    kept = campaign.lists.get()
    segment = contacts.create_segment(workspace=workspace, name="Everybody", definition=EVERYBODY)
    services.update_campaign(campaign, changes={"excluded_segments": [segment]})
    contacts.delete_segment(segment)
    url = f"/api/v1/campaigns/{campaign.pk}/"
    assert [lost["excluded"] for lost in api.get(url).data["lost_audience"]] == [True]
    assert api.patch(url, {"name": "Other"}, format="json").data["lost_audience"]
    assert api.patch(url, {"audience": {"lists": [kept.pk]}}, format="json").data["lost_audience"] == []


def test_a_draft_that_lost_a_segment_is_seen_and_released_in_the_admin(workspace, mailbox, admin):
    campaign = make_campaign(workspace)
    segment = contacts.create_segment(workspace=workspace, name="Everybody", definition=EVERYBODY)
    services.update_campaign(campaign, changes={"segments": [segment]})
    contacts.delete_segment(segment)
    url = f"/admin/campaigns/campaign/{campaign.pk}/change/"
    assert "deleted meanwhile: the segment “Everybody”" in admin.get(url).content.decode()
    data = {"action": "accept_audience", "_selected_action": [campaign.pk]}
    admin.post("/admin/campaigns/campaign/", data)
    campaign.refresh_from_db()
    assert campaign.lost_audience == []


def test_a_copy_of_a_finished_campaign_says_what_the_original_had_lost(workspace, mailbox, api):
    campaign = make_campaign(workspace)
    to_scheduled(campaign)
    services.cancel_campaign(campaign)
    assert api.delete(f"/api/v1/lists/{campaign.lists.get().pk}/").status_code == 204
    campaign.refresh_from_db()
    copy = services.duplicate_campaign(campaign)
    assert [lost["kind"] for lost in copy.lost_audience] == ["list"]


def test_another_workspace_cannot_accept_the_audience(workspace, mailbox):
    campaign = make_campaign(workspace)
    stranger = signed_in(MembershipFactory().user)
    assert stranger.post(f"/campaigns/{campaign.pk}/audience/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_of_a_deletion_and_a_schedule_at_the_same_moment_one_is_refused(workspace, mailbox):
    contact_ids = make_contacts(workspace, 3)
    for attempt in range(6):
        list_ = make_list(workspace, contact_ids, name=f"List {attempt}")
        campaign = make_campaign(workspace, name=f"Race {attempt}", lists=[list_])
        services.check_campaign(campaign)
        refused: list[str] = []

        def attempted(work: Callable[[], None], name: str, refused: list[str] = refused) -> None:
            try:
                work()
            except DomainError:
                refused.append(name)
            finally:
                connection.close()

        threads = [
            Thread(target=attempted, args=(lambda c=campaign: to_scheduled(c), "schedule")),
            Thread(target=attempted, args=(lambda each=list_: contacts.delete_list(each), "delete")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 1
        is_scheduled = Campaign.objects.get(pk=campaign.pk).status == Status.SCHEDULED
        assert is_scheduled == List.objects.filter(pk=list_.pk).exists()
