"""A campaign's pool of mailboxes and its sending hours."""

import pytest

from campaigns import services
from campaigns.forms import CampaignForm
from campaigns.rotation import assign_mailboxes
from core.exceptions import InvalidInput
from delivery import services as delivery
from delivery.models import Mailing
from sequences.selectors import mailing_ids
from tests.factories.campaigns import make_campaign, make_contacts
from tests.factories.sequences import make_mailbox

OFFICE = {"weekdays": [0, 1, 2, 3, 4], "start": "09:00", "end": "17:00"}


@pytest.fixture
def contacts(workspace):
    return make_contacts(workspace, 30)


def shares(workspace, contacts, *limits, offset=0):
    pool = [make_mailbox(workspace, name=f"m{number}") for number in range(len(limits))]
    for mailbox, limit in zip(pool, limits, strict=True):
        if limit is not None:
            delivery.update_mailbox(mailbox, per_day=limit)
    assigned = assign_mailboxes(pool=[mailbox.pk for mailbox in pool], contact_ids=contacts, offset=offset)
    return [assigned.count(mailbox.pk) for mailbox in pool]


def test_new_contacts_go_where_most_room_is_left_today(workspace, contacts):
    assert shares(workspace, contacts, 25, 10) == [23, 7]


def test_what_no_day_has_room_for_is_spread_evenly(workspace, contacts):
    assert shares(workspace, contacts, 6, 2) == [17, 13]


def test_a_mailbox_without_a_limit_takes_them_all(workspace, contacts):
    assert shares(workspace, contacts, 100, None) == [0, 30]


def test_what_was_assigned_before_counts(workspace, contacts):
    assert shares(workspace, contacts, 25, 10, offset=15) == [15, 15]


def test_sending_hours_reach_the_mailings_at_launch(workspace, mailbox, at_nine):
    campaign = make_campaign(workspace, window=OFFICE)
    services.check_campaign(campaign)
    services.run_check(campaign.checks.latest("id").pk)
    services.launch_campaign(campaign, accept_warnings=True)
    windows = Mailing.objects.filter(pk__in=mailing_ids(campaign.sequence)).values_list("window", flat=True)
    assert list(windows) == [OFFICE]


@pytest.mark.parametrize(
    "window",
    [
        {"weekdays": [], "start": "09:00", "end": "17:00"},
        {"weekdays": [7], "start": "09:00", "end": "17:00"},
        {"weekdays": [1], "start": "nine", "end": "17:00"},
        {"weekdays": [1], "start": "09:00"},
    ],
)
def test_hours_that_make_no_sense_are_refused(workspace, mailbox, window):
    campaign = services.create_campaign(workspace=workspace)
    with pytest.raises(InvalidInput) as refused:
        services.update_campaign(campaign, changes={"window": window})
    assert "window" in refused.value.fields


def test_the_checklist_takes_hours_and_gives_them_back(workspace, mailbox):
    campaign = services.create_campaign(workspace=workspace)
    shown = CampaignForm.of(campaign)
    assert shown["in_window"].value() is False
    data = {"version": 1, "name": campaign.name, "when": "now", "time_zone": "UTC", "mailboxes": [mailbox.pk]}
    hours = {"in_window": "on", "window_days": ["5", "6"], "window_start": "10:00", "window_end": "12:30"}
    form = CampaignForm.bound(campaign, data | hours)
    assert form.is_valid(), form.errors
    services.update_campaign(campaign, changes=form.changes())
    assert campaign.window == {"weekdays": [5, 6], "start": "10:00", "end": "12:30"}
    assert CampaignForm.of(campaign)["window_days"].value() == ["5", "6"]
    missing = CampaignForm.bound(campaign, data | {"in_window": "on", "window_end": "12:00"})
    assert {"window_days", "window_start"} <= set(missing.errors)
