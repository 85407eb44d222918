"""Editing a running sequence by the API."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from campaigns import services as campaigns
from core import clock
from sequences import services
from sequences.models import Enrolment, Sequence
from tests.factories.campaigns import make_campaign
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document
from tests.factories.team import ApiTokenFactory, MembershipFactory

MAIL = {"kind": "email", "source": SOURCE}
STEPS = [
    {**MAIL, "key": "a", "subject": "A"},
    {"key": "w", "kind": "wait", "wait": "P4D"},
    {**MAIL, "key": "b", "subject": "B"},
]
CHANGED = [STEPS[0], {"key": "w", "kind": "wait", "wait": "P1D"}, {**MAIL, "key": "b", "subject": "Better"}]


def client_of(workspace, **fields):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=workspace, **fields).secret}")
    return client


@pytest.fixture
def api(workspace):
    return client_of(workspace)


@pytest.fixture
def sequence(workspace, mailbox, at_nine):
    sequence = make_document(workspace, STEPS)
    enrol(sequence, make_contacts(workspace, 3), mailbox)
    services.advance_due(now=at_nine)
    Enrolment.objects.update(step_key="w", due_at=at_nine + timedelta(days=4))
    return sequence


def at(sequence, path):
    return f"/api/v1/sequences/{sequence.pk}/{path}"


def test_a_draft_is_opened_changed_previewed_and_published(api, sequence, at_nine):
    assert api.get(at(sequence, "draft/")).status_code == 404
    opened = api.post(at(sequence, "draft/"))
    assert (opened.status_code, opened.json()["number"], opened.json()["is_live"]) == (201, 2, False)
    assert [step["key"] for step in opened.json()["steps"]] == ["a", "w", "b"]

    revision = opened.json()["revision"]
    changed = api.patch(at(sequence, "draft/"), {"steps": CHANGED, "revision": revision}, format="json")
    assert changed.status_code == 200, changed.content
    stale = api.patch(at(sequence, "draft/"), {"steps": STEPS, "revision": revision}, format="json")
    assert (stale.status_code, stale.json()["code"]) == (409, "stale")

    with clock.simulated(at_nine + timedelta(days=2)):
        seen = api.post(at(sequence, "publish/preview/"), {}, format="json").json()
        assert (seen["people"], seen["moves"], seen["waits"], seen["overdue"], seen["exits"]) == (3, 3, 3, 3, 0)
        assert [(step["key"], step["fate"], step["wait"]) for step in seen["steps"]] == [("w", "wait", "1 00:00:00")]
        assert [step["title"] for step in seen["diff"]["changed"]] == ["Wait 1 day", "Better"]
        assert seen["diff"]["changed"][0]["fields"] == [
            {"name": "wait", "before": "P4DT00H00M00S", "after": "P1DT00H00M00S"}
        ]

        missing = api.post(at(sequence, "publish/"), {"policy": "migrate"}, format="json")
        assert missing.status_code == 422
        stale = api.post(at(sequence, "publish/"), {"revision": seen["revision"] - 1}, format="json")
        assert (stale.status_code, stale.json()["code"]) == (409, "stale")
        done = api.post(at(sequence, "publish/"), {"revision": seen["revision"]}, format="json")
        assert done.status_code == 200, done.content
        assert (done.json()["people"], done.json()["moved"], done.json()["policy"]) == (3, 3, "migrate")
        again = api.post(at(sequence, "publish/"), {"revision": seen["revision"]}, format="json")
        assert (again.status_code, again.json()["code"]) == (409, "stale")

    api = client_of(sequence.workspace)  # time stands still, and so does the limit of the first token
    versions = api.get(at(sequence, "versions/")).json()
    assert [(version["number"], version["is_live"]) for version in versions] == [(2, True), (1, False)]
    assert versions[0]["publication"]["by"]
    assert versions[1]["publication"] is None
    assert [step["key"] for step in api.get(at(sequence, "versions/1/")).json()["steps"]] == ["a", "w", "b"]
    assert api.get(at(sequence, "versions/9/")).status_code == 404


def test_versions_are_compared_and_brought_back(api, sequence):
    api.post(at(sequence, "draft/"))
    api.patch(at(sequence, "draft/"), {"steps": CHANGED[:1]}, format="json")
    revision = api.get(at(sequence, "draft/")).json()["revision"]
    assert api.post(at(sequence, "publish/"), {"revision": revision}, format="json").status_code == 200

    diff = api.get(at(sequence, "diff/"), {"from": 1, "to": 2}).json()
    assert ([step["key"] for step in diff["removed"]], diff["added"], diff["changed"]) == (["w", "b"], [], [])
    assert api.get(at(sequence, "diff/"), {"from": 1}).status_code == 422
    assert api.get(at(sequence, "diff/"), {"from": 1, "to": 7}).status_code == 404

    back = api.post(at(sequence, "rollback/"), {"number": 1}, format="json")
    assert (back.status_code, back.json()["number"]) == (201, 3)
    assert api.post(at(sequence, "rollback/"), {"number": 1}, format="json").json()["code"] == "draft_exists"
    replaced = api.post(at(sequence, "rollback/"), {"number": 1, "replace": True}, format="json")
    assert replaced.status_code == 201
    assert api.get(at(sequence, "diff/"), {"from": 1, "to": 3}).json() == {
        "added": [], "removed": [], "moved": [], "changed": [],
    }  # fmt: skip
    assert api.post(at(sequence, "rollback/"), {"number": 99, "replace": True}, format="json").status_code == 409
    assert api.delete(at(sequence, "draft/")).status_code == 204
    assert api.delete(at(sequence, "draft/")).status_code == 409


def test_a_draft_that_can_not_be_sent_is_refused_with_the_step_and_the_field(api, sequence):
    api.post(at(sequence, "draft/"))
    broken = {"kind": "email", "key": "b", "subject": "B", "source": "<p>{{ unsubscribeUrl }} {% if x %}</p>"}
    assert api.patch(at(sequence, "draft/"), {"steps": [STEPS[0], broken]}, format="json").status_code == 200
    for path, body in (("publish/preview/", {}), ("publish/", {"revision": 1})):
        refused = api.post(at(sequence, path), body, format="json")
        assert refused.status_code == 422
        assert "Step 2 (email)" in refused.json()["detail"]
        assert "steps.1.source" in refused.content.decode()
    wrong = api.patch(at(sequence, "draft/"), {"steps": [{"kind": "dance"}]}, format="json")
    assert wrong.status_code == 422
    assert api.post(at(sequence, "publish/preview/"), {"policy": "magic"}, format="json").status_code == 422


CALLS = [
    ("get", "draft/"), ("post", "draft/"), ("patch", "draft/"), ("delete", "draft/"), ("get", "versions/"),
    ("get", "versions/1/"), ("get", "diff/?from=1&to=1"), ("post", "publish/preview/"), ("post", "publish/"),
    ("post", "rollback/"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_sequence_of_another_workspace_is_not_found(sequence, method, path):
    stranger = client_of(MembershipFactory().workspace)
    body = {"steps": STEPS, "revision": 0, "number": 1, "policy": "migrate"}
    assert (
        getattr(stranger, method)(at(sequence, path), body if method != "get" else None, format="json").status_code
        == 404
    )


def test_a_token_that_may_only_read_changes_nothing(workspace, sequence):
    reader = client_of(workspace, scopes=["campaigns:read"])
    assert reader.get(at(sequence, "versions/")).status_code == 200
    for method, path in CALLS:
        if method != "get" and path != "publish/preview/":
            assert getattr(reader, method)(at(sequence, path), {}, format="json").status_code == 403


def test_a_broadcast_that_was_launched_is_not_edited_and_its_progress_counts_messages(api, workspace, mailbox):
    campaign = make_campaign(workspace)
    campaigns.launch_campaign(campaign)
    refused = api.post(at(Sequence.objects.get(pk=campaign.sequence_id), "draft/"))
    assert (refused.status_code, refused.json()["code"]) == (409, "not_editable")
