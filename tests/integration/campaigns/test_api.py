from datetime import UTC, datetime, timedelta

import pytest
from rest_framework.test import APIClient

from campaigns import services
from campaigns.models import Campaign, Status
from core import clock
from tests.factories.campaigns import make_campaign, make_list, make_template
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_mailbox, make_sequence
from tests.factories.team import ApiTokenFactory, MembershipFactory, WorkspaceFactory

API = "/api/v1/campaigns/"


@pytest.fixture
def api(workspace):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=workspace).secret}")
    return client


def post(client, path, data=None):
    return client.post(path, data or {}, format="json")


def test_a_campaign_is_made_from_inline_content_and_launched(api, workspace, mailbox):
    people = make_list(workspace, make_contacts(workspace, 2))
    out = make_list(workspace, name="Out")
    answer = post(
        api,
        API,
        {
            "name": "Spring",
            "kind": "broadcast",
            "audience": {"lists": [people.pk], "exclude": {"lists": [out.pk]}},
            "mailboxes": [mailbox.pk],
            "steps": [{"subject": "Hi {{ firstName }}", "preheader": "Read", "source": SOURCE}],
        },
    )
    assert answer.status_code == 201, answer.json()
    made = answer.json()
    assert made["status"] == "draft"
    assert made["audience"] == {"lists": [people.pk], "segments": [], "exclude": {"lists": [out.pk], "segments": []}}
    assert made["schedule"] is None
    assert made["steps"][0]["subject"] == "Hi {{ firstName }}"
    assert made["steps"][0]["source"] == SOURCE

    launched = post(api, f"{API}{made['id']}/launch/")
    assert launched.status_code == 200, launched.json()
    assert launched.json()["status"] == "running"
    assert launched.json()["progress"]["total"] == 2


def test_a_campaign_is_made_from_a_template(api, workspace, mailbox):
    template = make_template(workspace)
    step = post(api, API, {"steps": [{"kind": "email", "template": template.pk}]}).json()["steps"][0]
    assert (step["template"], step["template_version"], step["subject"]) == (template.pk, 1, "Hello {{ firstName }}")
    assert "source" not in step


def test_a_drip_has_waits(api, workspace, mailbox):
    steps = [
        {"kind": "email", "subject": "One", "source": SOURCE},
        {"kind": "wait", "wait": "P3DT2H"},
        {"kind": "email", "subject": "Two", "source": SOURCE},
    ]
    made = post(api, API, {"kind": "drip", "steps": steps}).json()
    assert made["steps"][1]["wait"] == "P3DT02H00M00S"
    keys = [step["key"] for step in made["steps"]]
    again = api.patch(f"{API}{made['id']}/", {"steps": made["steps"]}, format="json")
    assert again.status_code == 200, again.json()
    assert [step["key"] for step in again.json()["steps"]] == keys


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"trigger": {"kind": "event"}}, "trigger"),
        ({"kind": "ab_test"}, "kind"),
        ({"audience": {"lists": [987654]}}, "lists"),
        ({"mailboxes": [987654]}, "mailboxes"),
        ({"steps": [{"kind": "email", "template": 987654}]}, "steps.0.template"),
        ({"steps": [{"kind": "wait", "wait": "soon"}]}, "steps.0.wait"),
        ({"kind": "drip", "steps": [{"kind": "email"}, {"kind": "wait", "wait": "PT0S"}]}, "steps.1.wait"),
        ({"steps": [{"kind": "email"}, {"kind": "email"}]}, "steps"),
        ({"schedule": {"send_at": "tomorrow"}}, "schedule.send_at"),
        ({"schedule": {"send_at": "2001-01-01T00:00:00Z"}}, "send_at"),
        ({"schedule": {"send_at": "2100-01-01T00:00:00", "time_zone": "Mars/Olympus"}}, "time_zone"),
        ({"schedule": {"send_at": "2100-13-41T00:00:00Z"}}, "schedule.send_at"),
        ({"name": "x" * 201}, "name"),
    ],
)
def test_bad_input_is_a_422_that_names_the_field(api, workspace, mailbox, body, field):
    answer = post(api, API, body)
    assert answer.status_code == 422, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert field in answer.json()["errors"]
    assert not Campaign.objects.exists()


def test_a_time_without_an_offset_is_the_wall_clock_of_the_zone(api, workspace, mailbox):
    schedule = {"send_at": "2100-07-01T09:00", "time_zone": "Europe/Berlin"}
    made = post(api, API, {"schedule": schedule}).json()
    assert made["schedule"]["time_zone"] == "Europe/Berlin"
    assert Campaign.objects.get().send_at == datetime(2100, 7, 1, 7, tzinfo=UTC)


def test_a_draft_is_changed_and_a_stale_version_refused(api, workspace, mailbox):
    campaign = make_campaign(workspace)
    path = f"{API}{campaign.pk}/"
    changed = api.patch(path, {"name": "Autumn", "version": 1}, format="json")
    assert (changed.status_code, changed.json()["name"], changed.json()["version"]) == (200, "Autumn", 2)
    assert changed.json()["audience"]["lists"]  # what isn't sent stays
    stale = api.patch(path, {"name": "Winter", "version": 1}, format="json")
    assert (stale.status_code, stale.json()["code"]) == (409, "stale")
    assert "changed the name" in stale.json()["detail"]
    assert api.patch(path, {"kind": "drip"}, format="json").status_code == 422


def test_the_check_is_started_and_read(api, workspace, mailbox, django_capture_on_commit_callbacks):
    campaign = make_campaign(workspace, subject="x" * 90)
    path = f"{API}{campaign.pk}/check/"
    assert api.get(path).status_code == 404
    started = post(api, path)
    assert (started.status_code, started.json()["status"]) == (202, "running")
    services.run_check(started.json()["id"])
    check = api.get(path).json()
    assert (check["status"], check["recipients"]) == ("completed", 3)
    assert [finding["code"] for finding in check["findings"]] == ["subject_long"]


def test_errors_and_warnings_of_the_check_are_409s_that_say_what(api, workspace, mailbox):
    warned = make_campaign(workspace, subject="x" * 90)
    answer = post(api, f"{API}{warned.pk}/launch/")
    assert (answer.status_code, answer.json()["code"]) == (409, "warnings_unconfirmed")
    assert "90 characters" in answer.json()["errors"]["findings"][0]
    assert post(api, f"{API}{warned.pk}/launch/", {"accept_warnings": True}).status_code == 200

    broken = make_campaign(workspace, source="<p>No way out</p>", subject="Hi")
    answer = post(api, f"{API}{broken.pk}/launch/", {"accept_warnings": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "check_failed")


def test_the_whole_life_by_calls(api, workspace, mailbox):
    campaign = make_campaign(workspace)
    path = f"{API}{campaign.pk}/"
    later = (clock.now() + timedelta(days=1)).isoformat()
    assert post(api, f"{path}schedule/", {"send_at": later}).json()["status"] == "scheduled"
    assert post(api, f"{path}unschedule/").json()["status"] == "draft"
    refused = post(api, f"{path}launch/")
    assert (refused.status_code, refused.json()["code"]) == (409, "has_schedule")
    assert post(api, f"{path}schedule/").json()["status"] == "scheduled"
    assert post(api, f"{path}launch/").json()["status"] == "running"
    assert post(api, f"{path}pause/").json()["status"] == "paused"
    assert post(api, f"{path}resume/").json()["status"] == "running"
    assert post(api, f"{path}cancel/").json()["status"] == "cancelled"
    copy = post(api, f"{path}duplicate/")
    assert (copy.status_code, copy.json()["status"], copy.json()["schedule"]) == (201, "draft", None)
    assert api.delete(f"{API}{copy.json()['id']}/").status_code == 204


@pytest.mark.parametrize("call", ["launch", "schedule", "unschedule", "pause", "resume", "cancel", "check"])
def test_a_call_that_the_state_forbids_is_a_409_that_says_why(api, workspace, mailbox, call):
    campaign = make_campaign(workspace)
    Campaign.objects.filter(pk=campaign.pk).update(status=Status.COMPLETED)
    body = {"send_at": (clock.now() + timedelta(days=1)).isoformat()} if call == "schedule" else {}
    answer = post(api, f"{API}{campaign.pk}/{call}/", body)
    assert answer.status_code == 409
    assert "completed" in answer.json()["detail"]
    assert api.patch(f"{API}{campaign.pk}/", {"name": "x"}, format="json").status_code == 409
    assert api.delete(f"{API}{campaign.pk}/").status_code == 409


def test_a_double_launch_is_a_409(api, workspace, mailbox):
    campaign = make_campaign(workspace)
    assert post(api, f"{API}{campaign.pk}/launch/").status_code == 200
    assert post(api, f"{API}{campaign.pk}/launch/").status_code == 409


def test_a_test_is_sent_as_a_contact(api, workspace, mailbox):
    from contacts.models import Contact
    from delivery.models import Message

    campaign = make_campaign(workspace)
    contact = Contact.objects.first()
    answer = post(api, f"{API}{campaign.pk}/test/", {"to": ["me@example.com"], "contact": contact.pk})
    assert answer.status_code == 202
    message = Message.objects.get(pk=answer.json()["messages"][0])
    assert (message.is_test, message.to_email, message.contact_id) == (True, "me@example.com", contact.pk)
    assert message.mailing.subject == "[Test] Hello {{ firstName }}"
    assert post(api, f"{API}{campaign.pk}/test/", {"to": ["nonsense"]}).status_code == 422
    assert post(api, f"{API}{campaign.pk}/test/", {"to": ["a@example.com"], "step": "x"}).status_code == 404


def test_the_list_is_filtered_and_costs_a_fixed_number_of_queries(
    api, workspace, mailbox, django_assert_max_num_queries
):
    for number in range(4):
        make_campaign(workspace, name=f"Number {number}")
    services.launch_campaign(Campaign.objects.first())
    with django_assert_max_num_queries(14):
        assert len(api.get(API).json()["results"]) == 4
    assert len(api.get(API, {"status": "running"}).json()["results"]) == 1
    assert len(api.get(API, {"q": "number 2"}).json()["results"]) == 1
    assert api.get(API, {"status": "odd"}).status_code == 422


def test_another_workspaces_campaigns_are_not_there(api, workspace, mailbox):
    theirs = make_campaign(WorkspaceFactory())
    assert api.get(API).json()["results"] == []
    path = f"{API}{theirs.pk}/"
    answers = [api.get(path), api.patch(path, {"name": "x"}, format="json"), api.delete(path), api.get(f"{path}check/")]
    for call in ("check", "launch", "schedule", "unschedule", "pause", "resume", "cancel", "duplicate", "test"):
        answers.append(post(api, f"{path}{call}/", {"to": ["me@example.com"]}))
    assert {answer.status_code for answer in answers} == {404}
    theirs.refresh_from_db()
    assert theirs.name == "Spring"


def test_things_of_another_workspace_can_not_be_used(api, workspace, mailbox):
    other = WorkspaceFactory()
    body = {"audience": {"lists": [make_list(other).pk]}, "mailboxes": [make_mailbox(other).pk]}
    assert post(api, API, body).status_code == 422
    assert post(api, API, {"steps": [{"template": make_template(other).pk}]}).status_code == 422


def test_scopes_and_roles_are_asked_for(workspace, mailbox):
    campaign = make_campaign(workspace)
    reader = APIClient()
    token = ApiTokenFactory(workspace=workspace, scopes=["campaigns:read"])
    reader.credentials(HTTP_AUTHORIZATION=f"Bearer {token.secret}")
    assert reader.get(API).status_code == 200
    assert post(reader, f"{API}{campaign.pk}/launch/").status_code == 403
    assert APIClient().get(API).status_code == 401

    analyst = APIClient()
    analyst.force_login(MembershipFactory(workspace=workspace, role="analyst").user)
    assert analyst.get(API).status_code == 200
    assert post(analyst, API, {"name": "x"}).status_code == 403
    assert post(analyst, f"{API}{campaign.pk}/launch/").status_code == 403


def test_sequences_and_enrolments_are_read_only_and_the_workspaces_own(api, workspace, mailbox):
    contacts = make_contacts(workspace, 3)
    sequence = make_sequence(workspace, ["One", timedelta(days=1), "Two"])
    enrol(sequence, contacts, mailbox)
    other = WorkspaceFactory()
    theirs = make_sequence(other, ["One"])
    enrol(theirs, make_contacts(other, 1), make_mailbox(other))

    sequences = api.get("/api/v1/sequences/").json()["results"]
    assert [(row["id"], row["state"], row["version"]) for row in sequences] == [(sequence.pk, "running", 1)]
    steps = api.get(f"/api/v1/sequences/{sequence.pk}/steps/").json()
    assert [step["kind"] for step in steps] == ["email", "wait", "email"]

    rows = api.get("/api/v1/enrolments/").json()["results"]
    assert {row["contact"]["email"] for row in rows} == {f"person{number}@example.com" for number in range(3)}
    assert {row["state"] for row in rows} == {"active"}
    one = api.get("/api/v1/enrolments/", {"contact": contacts[0], "state": "active", "sequence": sequence.pk})
    assert len(one.json()["results"]) == 1
    assert api.get("/api/v1/enrolments/", {"state": "odd"}).status_code == 422
    assert api.get("/api/v1/enrolments/", {"contact": "x"}).status_code == 422

    assert api.get(f"/api/v1/sequences/{theirs.pk}/").status_code == 404
    assert api.get(f"/api/v1/enrolments/{theirs.enrolments.get().pk}/").status_code == 404
    assert post(api, "/api/v1/sequences/", {}).status_code == 405
    assert post(api, "/api/v1/enrolments/", {}).status_code == 405
