"""The steps of a drip on the checklist: their texts, adding, removing, ordering."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import selectors, services
from campaigns.models import Campaign
from delivery.models import Mailbox
from team.models import Membership, Workspace
from tests.factories.campaigns import make_campaign, make_template
from tests.factories.team import MembershipFactory

HTMX = {"HX-Request": "true"}


@pytest.fixture
def web(workspace: Workspace, client: Client) -> Client:
    member: Membership = MembershipFactory(workspace=workspace, role="editor")  # type: ignore[assignment]
    client.force_login(member.user)
    return client


@pytest.fixture
def drip(workspace: Workspace, mailbox: Mailbox) -> Campaign:
    """An email, two days, and an email."""
    template = make_template(workspace)
    steps = [
        {"kind": "email", "template": template, "subject": "First"},
        {"kind": "wait", "wait": timedelta(days=2)},
        {"kind": "email", "template": template, "subject": "Second"},
    ]
    return make_campaign(workspace, kind="drip", steps=steps)


def url(name: str, campaign: Campaign, *args: str) -> str:
    return reverse(f"campaigns:{name}", args=[campaign.pk, *args])


def keys(campaign: Campaign) -> list[str]:
    return [step.key for step in selectors.steps_of(campaign)]


def fields(campaign: Campaign, **changes: object) -> dict[str, object]:
    """What the page sends when it saves itself."""
    first, wait, second = keys(campaign)
    return {
        "version": campaign.version,
        "name": campaign.name,
        "lists": [item.pk for item in campaign.lists.all()],
        "mailboxes": [item.pk for item in campaign.mailboxes.all()],
        "when": "now",
        "time_zone": "UTC",
        "track_opens": "on",
        "track_clicks": "on",
        f"subject-{first}": "First",
        f"preheader-{first}": "",
        f"amount-{wait}": 2,
        f"unit-{wait}": "days",
        f"subject-{second}": "Second",
        f"preheader-{second}": "",
        **changes,
    }


def test_all_emails_and_waits_are_on_the_checklist(web: Client, drip: Campaign) -> None:
    page = web.get(url("detail", drip)).content.decode()
    for key in keys(drip):
        assert f'id="step-{key}"' in page
    assert 'value="First"' in page
    assert 'value="Second"' in page


def test_the_texts_and_waits_of_all_steps_save_themselves(web: Client, drip: Campaign) -> None:
    _, wait, second = keys(drip)
    changes = {f"subject-{second}": "Later {{ firstName }}", f"amount-{wait}": 6, f"unit-{wait}": "hours"}
    assert web.post(url("save", drip), fields(drip, **changes)).status_code == 200
    steps = selectors.steps_of(drip)
    assert [step.subject for step in steps] == ["First", "", "Later {{ firstName }}"]
    assert steps[1].wait == timedelta(hours=6)
    assert all(step.template_version for step in (steps[0], steps[2]))
    drip.refresh_from_db()
    assert drip.edits.get(version=drip.version).what == "the steps"


def test_a_save_without_a_change_makes_no_version(web: Client, drip: Campaign) -> None:
    version = drip.version
    assert web.post(url("save", drip), fields(drip)).status_code == 200
    drip.refresh_from_db()
    assert drip.version == version


@pytest.mark.parametrize(
    ("place", "name", "value", "sentence"),
    [
        (2, "subject", "Hi {{ firstName ", "Column 4: “{{” is never closed by “}}”."),
        (0, "preheader", "{% if company %}x", "Column 1: "),
        (1, "amount", "", "How long?"),
        (1, "amount", "0", "greater than or equal to 1"),
        (1, "amount", "1000", "two years at most"),
    ],
)
def test_an_error_is_told_at_its_step_and_nothing_is_saved(
    web: Client, drip: Campaign, place: int, name: str, value: str, sentence: str
) -> None:
    field = f"{name}-{keys(drip)[place]}"
    answer = web.post(url("save", drip), fields(drip, name="Other", **{field: value}))
    assert answer.status_code == 422
    assert sentence in " ".join(answer.json()["errors"][field])
    drip.refresh_from_db()
    assert drip.name == "Spring"


def test_a_step_that_is_gone_makes_the_tab_stale(web: Client, drip: Campaign) -> None:
    sent = fields(drip)
    services.remove_step(drip, key=keys(drip)[1])
    assert web.post(url("save", drip), sent).status_code == 409


def test_steps_are_added_removed_and_ordered(web: Client, drip: Campaign) -> None:
    first, wait, second = keys(drip)
    answer = web.post(url("add_step", drip), {"add": "wait"}, headers=HTMX)
    assert '"version": ' in answer["HX-Trigger"]
    web.post(url("add_step", drip), {"add": "email"}, headers=HTMX)
    added = selectors.steps_of(drip)[3:]
    assert [(step.kind, step.wait) for step in added] == [("wait", timedelta(days=2)), ("email", None)]
    order = [second, first, added[1].key, wait, added[0].key]
    assert web.post(url("order_steps", drip), {"order": order}, headers=HTMX).status_code == 200
    assert keys(drip) == order
    web.post(url("remove_step", drip, added[1].key), headers=HTMX)
    assert keys(drip) == [second, first, wait, added[0].key]
    version = Campaign.objects.get().version
    web.post(url("remove_step", drip, added[1].key), headers=HTMX)
    assert Campaign.objects.get().version == version


def test_an_order_of_other_steps_is_refused(web: Client, drip: Campaign) -> None:
    answer = web.post(url("order_steps", drip), {"order": keys(drip)[:2]}, headers=HTMX)
    assert answer.status_code in (409, 422)
    assert len(keys(drip)) == 3


def test_the_only_email_and_steps_of_a_broadcast_stay(web: Client, drip: Campaign, workspace: Workspace) -> None:
    first, _, second = keys(drip)
    web.post(url("remove_step", drip, second), headers=HTMX)
    assert web.post(url("remove_step", drip, first), headers=HTMX).status_code == 409
    broadcast = make_campaign(workspace, name="Broadcast")
    assert web.post(url("add_step", broadcast), {"add": "email"}, headers=HTMX).status_code == 409
    assert web.post(url("add_step", drip), {"add": "nonsense"}, headers=HTMX).status_code == 422


def test_a_template_is_chosen_for_one_email(web: Client, drip: Campaign, workspace: Workspace) -> None:
    other = make_template(workspace, name="Other")
    second = keys(drip)[2]
    answer = web.post(f"{url('template', drip)}?step={second}", {"template": other.pk}, headers=HTMX)
    assert answer["HX-Redirect"] == f"{url('detail', drip)}#step-{second}"
    steps = selectors.steps_of(drip)
    assert [step.template_version.template.name for step in (steps[0], steps[2]) if step.template_version] == [
        "Welcome",
        "Other",
    ]


def test_a_drip_is_started_from_the_start_page(web: Client, workspace: Workspace) -> None:
    web.post(reverse("campaigns:start"), {"drip": "1"})
    assert Campaign.objects.get().kind == "drip"


def test_another_workspaces_steps_are_not_found(web: Client, mailbox: Mailbox) -> None:
    foreign = make_campaign(MembershipFactory().workspace, kind="drip")  # type: ignore[attr-defined]
    assert web.post(url("add_step", foreign), {"add": "email"}).status_code == 404
    assert web.post(url("order_steps", foreign), {"order": []}).status_code == 404
    assert web.post(url("remove_step", foreign, keys(foreign)[0])).status_code == 404


def test_a_broken_subject_has_no_tick_and_fails_the_check(web: Client, workspace: Workspace, mailbox: Mailbox) -> None:
    campaign = make_campaign(workspace)
    services.update_campaign(campaign, changes={"subject": "Hi {{ firstName "})
    page = web.get(url("detail", campaign)).content.decode()
    assert "Column 4: “{{” is never closed" in page
    assert 'href="#subject"' in page
    services.run_check(services.start_check(campaign).pk)
    check = selectors.latest_check(campaign)
    assert check
    assert [finding["code"] for finding in check.findings if finding["level"] == "error"] == ["template_error"]


def test_a_broken_subject_is_not_saved(web: Client, workspace: Workspace, mailbox: Mailbox) -> None:
    campaign = make_campaign(workspace)
    sent = {"version": campaign.version, "name": "Other", "when": "now", "time_zone": "UTC", "subject": "{{ firstName "}
    answer = web.post(url("save", campaign), sent)
    assert answer.status_code == 422
    assert answer.json()["errors"] == {"subject": ["Column 1: “{{” is never closed by “}}”."]}
    assert Campaign.objects.get().name == "Spring"
