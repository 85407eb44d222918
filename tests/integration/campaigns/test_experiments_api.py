"""A/B tests by the API, from the plan to the winner."""

import pytest

from abtests.models import Experiment, Look
from campaigns import services
from campaigns.models import Campaign
from core import clock
from tests.factories.campaigns import make_campaign, make_template
from tests.factories.team import ApiTokenFactory, MembershipFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/experiments/"


@pytest.fixture
def draft(workspace, mailbox) -> Campaign:
    return make_campaign(workspace, contacts=60)


@pytest.fixture
def call(client, workspace):
    owner = MembershipFactory(workspace=workspace).user
    bearer = {"authorization": f"Bearer {ApiTokenFactory(workspace=workspace, created_by=owner).secret}"}

    def send(method, path="", body=None, **headers):
        answer = getattr(client, method)(
            f"{URL}{path}", body, **({"content_type": "application/json"} if method != "get" else {}),
            headers={**bearer, **headers},
        )  # fmt: skip
        return answer.status_code, (answer.json() if answer.content else None)

    return send


@pytest.fixture
def test_of(draft, call):
    """Plan a small test of the draft's email and return it."""

    def make(**changes):
        body = {"campaign": draft.pk, "name": "Subjects", "base": 0.2, "lead": 0.1, "window_hours": 1, "batches": 4}
        body |= {"per_arm": 10, "largest_share": 0.9, "variants": [{"subject": "Hey you"}], **changes}
        status, made = call("post", "", body)
        assert status == 201, made
        return made

    return make


def launch(draft):
    services.check_campaign(draft)
    services.launch_campaign(draft, accept_warnings=True)


def test_a_test_is_planned_read_changed_and_deleted(draft, call, test_of):
    made = test_of()
    assert (made["campaign"], made["state"], made["design"]) == (draft.pk, "planned", "cells")
    assert made["step"] == services.email_of(draft).key
    assert [(each["number"], each["name"], each["subject"]) for each in made["variants"]] == [
        (1, "A", ""), (2, "B", "Hey you"),
    ]  # fmt: skip
    assert call("get", f"{made['id']}/") == (200, made)
    status, changed = call("patch", f"{made['id']}/", {"lead": 0.05, "metric": "conversion", "event": "order.paid"})
    assert (status, changed["lead"], changed["event"]) == (200, 0.05, "order.paid")
    assert call("patch", f"{made['id']}/", {"batches": 3})[0] == 422
    status, listed = call("get", "", {"campaign": draft.pk, "state": "planned"})
    assert (status, [each["id"] for each in listed["results"]]) == (200, [made["id"]])
    assert call("get", "", {"state": "running"})[1]["results"] == []
    assert call("get", "", {"state": "x"})[0] == 422
    assert call("delete", f"{made['id']}/")[0] == 204
    assert call("get", f"{made['id']}/")[0] == 404
    assert call("get")[1]["results"] == []


def test_one_key_makes_one_test(draft, call):
    body = {"campaign": draft.pk, "base": 0.2, "lead": 0.1}
    first = call("post", "", body, **{"Idempotency-Key": "one"})
    assert first[0] == 201
    assert call("post", "", body, **{"Idempotency-Key": "one"}) == first
    assert call("post", "", body) != first  # the email has a test already
    assert Experiment.objects.count() == 1


def test_nothing_stays_of_a_test_that_can_not_be(draft, call):
    body = {"campaign": draft.pk, "base": 0.2, "lead": 0.1}
    for wrong in ({"lead": 0.9}, {"variants": [{"template": 999}]}, {"variants": [{"subject": "{{"}]}, {"step": "no"}):
        assert call("post", "", {**body, **wrong})[0] in (409, 422), wrong
    assert not Experiment.objects.exists()


def test_versions_are_added_changed_and_removed(workspace, call, test_of):
    at = f"{test_of()['id']}/variants/"
    other = make_template(workspace, name="Other")
    status, added = call("post", at, {"subject": "Third", "template": other.pk})
    assert (status, added["number"], added["name"], added["template"]) == (201, 3, "C", other.pk)
    status, changed = call("patch", f"{at}3/", {"template": None, "from_name": "Ada"})
    assert (status, changed["template"], changed["from_name"], changed["subject"]) == (200, None, "Ada", "Third")
    assert call("delete", f"{at}1/")[0] == 409  # the control
    assert call("delete", f"{at}2/")[0] == 204
    assert call("delete", f"{at}2/")[0] == 409  # two at least
    assert call("patch", f"{at}9/", {"name": "X"})[0] == 404


def test_several_things_at_once_make_every_combination(call, test_of):
    made = test_of()
    levels = {"subject": ["", "Hey"], "from_name": [None, "Ada"]}
    status, found = call("post", f"{made['id']}/factors/", {"dimensions": ["subject", "from_name"], "levels": levels})
    assert (status, [each["levels"] for each in found["variants"]]) == (200, [[0, 0], [0, 1], [1, 0], [1, 1]])
    wrong = {"dimensions": ["content"], "levels": {"content": [None, "x"]}}
    assert call("post", f"{made['id']}/factors/", wrong)[0] == 422


def test_the_plan_says_what_can_be_proven(call, test_of):
    made = test_of(per_arm=None, base=0.03, lead=0.01)
    status, plan = call("get", f"{made['id']}/plan/", {"audience": 100_000})
    assert (status, plan["promise"], plan["arms"]) == (200, "proves", 2)
    assert plan["per_arm"] == plan["to_prove"] > plan["to_select"] > 0
    status, plan = call("get", f"{made['id']}/plan/")
    assert (status, plan["promise"], plan["per_arm"]) == (200, "too_small", 27)  # 90 % of the draft's 60 people


def test_a_running_test_is_paused_resumed_narrowed_and_decided(draft, call, test_of, at_nine):
    made = test_of(variants=[{"subject": "B"}, {"subject": "C"}])
    at = f"{made['id']}/"
    assert call("post", f"{at}pause/")[0] == 409
    launch(draft)
    assert call("get", at)[1]["state"] == "running"
    assert call("patch", at, {"lead": 0.2})[0] == 409
    assert call("delete", at)[0] == 409
    assert call("post", f"{at}pause/")[1]["state"] == "paused"
    assert call("post", f"{at}resume/")[1]["state"] == "running"
    status, found = call("post", f"{at}stop-arm/", {"variant": 3})
    assert (status, found["variants"][2]["stopped_at"] is None) == (200, False)
    assert call("post", f"{at}stop-arm/", {"variant": 2})[0] == 409
    assert call("post", f"{at}choose-winner/", {"variant": 9})[0] == 422
    status, found = call("post", f"{at}choose-winner/", {"variant": 2})
    assert (status, found["state"], found["winner"], found["outcome"]) == (200, "decided", 2, "by_hand")
    assert call("post", f"{at}stop/")[0] == 409
    status, results = call("get", f"{at}results/")
    assert (status, results["test"]["winner"], len(results["versions"])) == (200, "B", 3)


def test_a_running_test_is_stopped(draft, call, test_of, at_nine):
    at = f"{test_of()['id']}/"
    launch(draft)
    status, found = call("post", f"{at}stop/")
    assert (status, found["state"], found["winner"]) == (200, "stopped", None)


def test_looks_are_read_with_their_inputs(call, test_of):
    made = test_of()
    Look.objects.create(
        experiment_id=made["id"], number=1, looked_at=clock.now(), question={"trials": [1, 2]}, verdict={"kind": "X"}
    )
    status, looks = call("get", f"{made['id']}/looks/")
    assert (status, looks[0]["question"], looks[0]["verdict"]) == (200, {"trials": [1, 2]}, {"kind": "X"})


def test_scopes_and_borders(client, workspace, test_of):
    made = test_of()
    reader = {"authorization": f"Bearer {ApiTokenFactory(workspace=workspace, scopes=['campaigns:read']).secret}"}
    assert client.get(f"{URL}{made['id']}/", headers=reader).status_code == 200
    assert client.post(f"{URL}{made['id']}/pause/", headers=reader).status_code == 403
    other = {"authorization": f"Bearer {ApiTokenFactory(workspace=WorkspaceFactory()).secret}"}
    for path in ("", "plan/", "looks/", "results/"):
        assert client.get(f"{URL}{made['id']}/{path}", headers=other).status_code == 404
