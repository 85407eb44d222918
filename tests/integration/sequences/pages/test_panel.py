"""The panel of a step: every sort shows its settings, refuses what can't be beside the field, and saves what can."""

from typing import Any

import pytest
from django.test import Client

from campaigns.models import Campaign
from contacts.models import ContactField, FieldType, Segment
from sequences import forms, selectors, services
from sequences.models import Sequence, Step, StepKind
from team.models import Membership
from tests.factories.campaigns import make_campaign, make_list, make_template
from tests.factories.sequences import SOURCE
from tests.factories.team import MembershipFactory

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def member() -> Membership:
    return MembershipFactory(role="editor")


@pytest.fixture
def campaign(member: Membership) -> Campaign:
    """A drip with one email, in a workspace that has something of everything."""
    workspace = member.workspace
    for key, kind in (("renewal", FieldType.DATE), ("plan", FieldType.TEXT)):
        ContactField.objects.create(workspace=workspace, key=key, label=key.title(), type=kind)
    Segment.objects.create(
        workspace=workspace,
        name="Named",
        definition={"match": "all", "conditions": [{"field": "first_name", "operator": "not_empty"}]},
    )
    steps = [{"key": "hello", "kind": "email", "subject": "Hello", "format": "html", "source": SOURCE}]
    return make_campaign(workspace, kind="drip", steps=steps)


@pytest.fixture
def web(client: Client, member: Membership) -> Client:
    client.force_login(member.user)
    return client


def place(web: Client, sequence: Sequence, sort: str) -> Step:
    """Add a step of a sort behind the email, as the palette does."""
    draft = selectors.draft_version(sequence)
    assert draft is not None
    answer = web.post(
        f"/sequences/{sequence.pk}/edit/",
        {"op": "add", "sort": sort, "lane": "root", "index": 1, "revision": draft.revision},
        headers=HTMX,
    )
    assert answer.status_code == 200, answer["HX-Trigger"]
    return draft.steps.get(lane="root", position=1)


def save(web: Client, edited: Step, /, **values: Any) -> Any:
    return web.post(f"/sequences/{edited.version.sequence_id}/steps/{edited.key}/", values, headers=HTMX)


@pytest.mark.parametrize("sort", list(forms.BY_SLUG))
def test_a_new_step_of_every_sort_opens_in_its_own_form(web: Client, campaign: Campaign, sort: str) -> None:
    step = place(web, campaign.sequence, sort)
    assert forms.sort_of(step).slug == sort
    panel = web.get(f"/sequences/{campaign.sequence_id}/steps/{step.key}/", headers=HTMX)
    assert panel.status_code == 200
    assert forms.BY_SLUG[sort].label in panel.text
    assert "<html" not in panel.text
    assert "<html" in web.get(f"/sequences/{campaign.sequence_id}/steps/{step.key}/").text


def _ids(campaign: Campaign) -> dict[str, Any]:
    workspace = campaign.workspace
    other = make_campaign(workspace, kind="drip", name="Other")
    return {
        "list": make_list(workspace, name="Friends").pk,
        "segment": Segment.objects.get(workspace=workspace).pk,
        "template": make_template(workspace, name="Letter", subject="Dear {{ firstName }}").pk,
        "sequence": other.sequence_id,
    }


@pytest.mark.parametrize(
    ("sort", "values", "title"),
    [
        ("email", {"template_id": "template", "subject": "Hi", "preheader": "There"}, "Hi"),
        ("email", {"template_id": "template", "subject": ""}, "Dear ‹First name›"),
        ("wait", {"wait_0": 36, "wait_1": "hours", "calendar": "on"}, "Wait 1 day and 12 hours"),
        ("wait-day", {"weekdays": [0, 3], "time": "10:15"}, "Wait until Mon or Thu, 10:15"),
        ("wait-day", {"weekdays": [0, 1, 2, 3, 4], "time": "09:00"}, "Wait until weekday, 09:00"),
        ("wait-date", {"field": "renewal", "when": "before", "days": 3, "time": "08:00", "yearly": "on"},
         "Wait until 3 days before Renewal"),
        ("wait-for", {"event": "order_placed", "where": "plan = pro\nseats = 3", "timeout_0": 2, "timeout_1": "weeks"},
         "Wait for “order_placed”, up to 14 days"),
        ("if-engaged", {"step": "hello", "clicks": "on", "opens": "on", "window_0": 2, "window_1": "days"},
         "Clicked or opened “Hello”?"),
        ("if-segment", {"segment": "segment"}, "In segment “Named”?"),
        ("if-list", {"list": "list"}, "In list “Friends”?"),
        ("if-event", {"event": "login", "at_least": 3, "within_0": 1, "within_1": "days"},
         "“login” at least 3 times in the last 1 day?"),
        ("split", {"was_0": "a", "name_0": "Short", "share_0": 20, "was_1": "b", "name_1": "b", "share_1": 80},
         "Split 80 / 20"),
        ("add-to-list", {"list": "list"}, "Add to list “Friends”"),
        ("remove-from-list", {"list": "list"}, "Remove from list “Friends”"),
        ("add-tag", {"tag": "hot"}, "Tag “hot”"),
        ("remove-tag", {"tag": "hot"}, "Remove tag “hot”"),
        ("set-field", {"field": "plan", "value": "pro"}, "Set Plan to “pro”"),
        ("webhook", {"url": "https://example.com/hook", "payload": '{"a": 1}'}, "Call example.com"),
        ("start-sequence", {"sequence": "sequence", "again": "on"}, "Start “Other”"),
        ("stop-sequence", {"sequence": "sequence"}, "Stop “Other”"),
        ("goal", {"event": "bought", "where": "total = 3.5"}, "Goal: “bought”"),
        ("jump", {"to": "hello"}, "Go on at step 1"),
    ],
)  # fmt: skip
def test_what_is_right_is_saved_and_shown_again(
    web: Client, campaign: Campaign, sort: str, values: dict[str, Any], title: str
) -> None:
    ids = _ids(campaign)
    given = {name: ids.get(value, value) if isinstance(value, str) else value for name, value in values.items()}
    step = place(web, campaign.sequence, sort)
    answer = save(web, step, **{"as": sort}, **given)
    assert answer.status_code == 200, answer.text
    assert title in answer.text.replace("&quot;", '"')
    steps = selectors.steps_in_order(step.version)
    saved = next(each for each in steps if each.key == step.key)
    around = forms.around(campaign.sequence, steps)
    assert forms.title_of(saved, around) == title
    # Saved again as the form shows it, nothing changes.
    form = forms.BY_SLUG[sort](step=saved, around=around)
    before = (saved.config, saved.wait, saved.subject, saved.template_version_id)
    shown: dict[str, Any] = {}
    for bound in form:
        value = bound.value()
        if hasattr(bound.field.widget, "decompress"):
            for at, part in enumerate(bound.field.widget.decompress(value)):
                shown[f"{bound.html_name}_{at}"] = part or ""
        elif value not in (None, False):
            shown[bound.html_name] = value
    assert save(web, step, **{"as": sort}, **shown).status_code == 200
    again = Step.objects.get(pk=saved.pk)
    assert (again.config, again.wait, again.subject, again.template_version_id) == before


@pytest.mark.parametrize(
    ("sort", "values", "field", "said"),
    [
        ("wait", {"wait_0": 900, "wait_1": "days"}, "step_wait", "A wait takes from one second to two years."),
        ("wait", {"wait_0": 0, "wait_1": "days"}, "step_wait", "greater than or equal to 1"),
        ("wait-day", {"time": "09:00"}, "step_weekdays", "Choose at least one day."),
        ("wait-day", {"weekdays": [1], "time": "25:00"}, "step_time", "valid time"),
        ("wait-date", {"field": "renewal", "when": "before", "days": ""}, "step_days", "How many days?"),
        ("wait-for", {"event": "x", "where": "plan"}, "step_where", "property = value"),
        ("if-engaged", {"step": "hello"}, "step_clicks", "Count clicks, replies or opens."),
        ("split", {"name_0": "a", "share_0": 50, "name_1": "b", "share_1": 30}, "", "The percents make 80, not 100."),
        ("split", {"name_0": "a", "share_0": 50, "name_1": "a", "share_1": 50}, "step_name_1", "Another lane"),
        ("split", {"name_0": "a", "share_0": 50}, "", "at least two lanes"),
        ("webhook", {"url": "ftp://example.com"}, "step_url", "an address like"),
        ("webhook", {"url": "https://example.com", "payload": "{"}, "step_payload", "valid JSON"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    web: Client, campaign: Campaign, sort: str, values: dict[str, Any], field: str, said: str
) -> None:
    step = place(web, campaign.sequence, sort)
    before = Step.objects.values().get(pk=step.pk)
    answer = save(web, step, **{"as": sort}, **values)
    assert answer.status_code == 422
    assert "data-error-summary" in answer.text
    assert said in answer.text
    assert not field or f"{field}_error" in answer.text
    assert Step.objects.values().get(pk=step.pk) == before


def test_a_field_is_asked_about_step_by_step(web: Client, campaign: Campaign) -> None:
    step = place(web, campaign.sequence, "if-field")
    url = f"/sequences/{campaign.sequence_id}/steps/{step.key}/"
    subjects = forms.around(campaign.sequence, []).subjects
    custom = next(key for key, subject in subjects.items() if subject.label == "Plan")
    asked = web.get(url, {"refresh": "1", "as": "if-field", "field": custom}, headers=HTMX).text
    operator = subjects[custom].operators[0].key
    assert f'value="{operator}"' in asked
    answer = save(web, step, **{"as": "if-field"}, field=custom, operator=operator, value="pro")
    assert answer.status_code == 200, answer.text
    assert "Plan" in answer.text
    saved = Step.objects.get(pk=step.pk)
    assert saved.config["field"] == custom
    assert saved.config["value"] == "pro"


def test_a_lane_that_gets_another_name_keeps_its_steps(web: Client, campaign: Campaign) -> None:
    sequence = campaign.sequence
    step = place(web, sequence, "split")
    services.place_step(sequence, kind=StepKind.EXIT, fields={}, lane=f"{step.key}.a", position=0)
    services.place_step(sequence, kind=StepKind.WAIT, fields={"wait": "P1D"}, lane=f"{step.key}.b", position=0)
    swapped = {"was_0": "a", "name_0": "b", "share_0": 50, "was_1": "b", "name_1": "a", "share_1": 50}
    assert save(web, step, **{"as": "split"}, **swapped).status_code == 200
    lanes = dict(step.version.steps.exclude(lane="root").values_list("lane", "kind"))
    assert lanes == {f"{step.key}.b": "exit", f"{step.key}.a": "wait"}


def test_settings_that_the_form_does_not_show_stay(web: Client, campaign: Campaign) -> None:
    sequence = campaign.sequence
    step = place(web, sequence, "wait")
    services.change_step(sequence, key=step.key, changes={"wait": "P1D", "calendar": True})
    save(web, step, **{"as": "wait"}, wait_0=2, wait_1="days", calendar="on")
    assert Step.objects.get(pk=step.pk).config == {"calendar": True}


def test_a_stale_panel_is_told_so(web: Client, campaign: Campaign) -> None:
    step = place(web, campaign.sequence, "wait")
    answer = save(web, step, **{"as": "wait"}, wait_0=2, wait_1="days", revision=0)
    assert answer.status_code == 409
    assert "sequence-stale" in answer["HX-Trigger"]


def test_the_live_version_is_shown_and_not_saved(web: Client, campaign: Campaign) -> None:
    services.publish(campaign.sequence)
    step = campaign.sequence.versions.get().steps.get()
    panel = web.get(f"/sequences/{campaign.sequence_id}/steps/{step.key}/", headers=HTMX).text
    assert '<fieldset class="seq-fields" disabled>' in panel
    assert save(web, step, subject="Changed").status_code == 409
    assert Step.objects.get(pk=step.pk).subject == "Hello"
