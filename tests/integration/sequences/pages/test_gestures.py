"""One gesture, one POST: what it does to the draft, what a stale one is told, and who may."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from campaigns import services as campaigns
from campaigns.models import Campaign, Kind
from sequences import selectors, services
from sequences.models import DraftEdit, Sequence
from team import services as team
from team.models import Membership, Share
from tests.factories.campaigns import make_campaign, make_list, make_template
from tests.factories.sequences import SOURCE
from tests.factories.team import MembershipFactory

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
STEPS: list[dict[str, Any]] = [
    {"key": "hello", "kind": "email", "subject": "Hello", "format": "html", "source": SOURCE},
    {"key": "ask", "kind": "branch", "on": "engagement", "step": "hello", "lanes": {
        "yes": [{"key": "one", "kind": "wait", "wait": "P1D"}, {"key": "two", "kind": "wait", "wait": "P2D"}],
        "no": [],
    }},
    {"key": "bye", "kind": "email", "subject": "Goodbye", "format": "html", "source": SOURCE},
]  # fmt: skip


@pytest.fixture
def member() -> Membership:
    return MembershipFactory(role="editor")


@pytest.fixture
def campaign(member: Membership) -> Campaign:
    return make_campaign(member.workspace, kind="drip", steps=STEPS)


@pytest.fixture
def web(client: Client, member: Membership) -> Client:
    client.force_login(member.user)
    return client


def revision(sequence: Sequence) -> int:
    draft = selectors.draft_version(sequence)
    assert draft is not None
    return draft.revision


def keys(sequence: Sequence, lane: str = "root") -> list[str]:
    draft = selectors.draft_version(sequence)
    assert draft is not None
    return list(draft.steps.filter(lane=lane).order_by("position").values_list("key", flat=True))


def gesture(web: Client, sequence: Sequence, **values: Any) -> Any:
    values = {"revision": revision(sequence), **values}
    return web.post(f"/sequences/{sequence.pk}/edit/", values, headers=HTMX)


def test_a_step_is_added_at_its_place_and_the_answer_is_the_canvas(web: Client, campaign: Campaign) -> None:
    sequence = campaign.sequence
    answer = gesture(web, sequence, op="add", sort="wait", lane="ask.no", index=0)
    assert answer.status_code == 200
    assert answer["HX-Retarget"] == "#canvas"
    assert "Wait 2 days" in answer.text
    (key,) = keys(sequence, "ask.no")
    assert json.loads(answer["HX-Trigger"])["sequence-changed"] == {"what": "Added a wait", "key": key}


@pytest.mark.parametrize(
    ("place", "order"),
    [
        ({"lane": "root", "index": 0}, ["bye", "hello", "ask"]),
        ({"lane": "root", "index": 1}, ["hello", "bye", "ask"]),
        ({"lane": "root", "index": 3}, ["hello", "ask", "bye"]),
    ],
)
def test_a_step_moves_to_a_place_counted_as_things_stand(
    web: Client, campaign: Campaign, place: dict[str, Any], order: list[str]
) -> None:
    assert gesture(web, campaign.sequence, op="move", key="bye", **place).status_code == 200
    assert keys(campaign.sequence) == order


def test_a_branch_moves_with_its_lanes_but_never_into_itself(web: Client, campaign: Campaign) -> None:
    assert gesture(web, campaign.sequence, op="move", key="ask", lane="root", index=0).status_code == 200
    assert keys(campaign.sequence) == ["ask", "hello", "bye"]
    assert keys(campaign.sequence, "ask.yes") == ["one", "two"]
    answer = gesture(web, campaign.sequence, op="move", key="ask", lane="ask.yes", index=0)
    assert answer.status_code == 422
    assert "into its own lanes" in answer["HX-Trigger"]


def test_a_step_is_nudged_through_the_lanes(web: Client, campaign: Campaign) -> None:
    sequence = campaign.sequence
    seen = []
    for _ in range(4):
        gesture(web, sequence, op="nudge", key="bye", by=-1)
        step = sequence.versions.get().steps.get(key="bye")
        seen.append((step.lane, step.position))
    assert seen == [("ask.undelivered", 0), ("ask.no", 0), ("ask.yes", 2), ("ask.yes", 1)]
    assert gesture(web, sequence, op="nudge", key="hello", by=-1).status_code == 422


def test_a_stale_gesture_changes_nothing_and_is_told_what_happened(web: Client, campaign: Campaign) -> None:
    sequence = campaign.sequence
    before = revision(sequence)
    gesture(web, sequence, op="delete", key="bye")
    answer = gesture(web, sequence, op="delete", key="hello", revision=before)
    assert answer.status_code == 409
    assert "removed the email “Goodbye”" in json.loads(answer["HX-Trigger"])["sequence-stale"]["edits"][0]
    assert keys(sequence) == ["hello", "ask"]


def test_undo_and_redo_go_all_the_way(web: Client, campaign: Campaign) -> None:
    sequence = campaign.sequence
    gesture(web, sequence, op="delete", key="ask")
    gesture(web, sequence, op="add", sort="exit", lane="root", index=2)
    gesture(web, sequence, op="undo")
    gesture(web, sequence, op="undo")
    assert services.fragment_of(sequence, lane="root") == services.fragment_of(sequence, lane="root")
    assert (keys(sequence), keys(sequence, "ask.yes")) == (["hello", "ask", "bye"], ["one", "two"])
    assert gesture(web, sequence, op="undo").status_code == 409
    gesture(web, sequence, op="redo")
    gesture(web, sequence, op="redo")
    assert len(keys(sequence)) == 3
    assert keys(sequence, "ask.yes") == []
    assert gesture(web, sequence, op="redo").status_code == 409
    # A new edit after an undo ends what could be done again.
    gesture(web, sequence, op="undo")
    gesture(web, sequence, op="add", sort="wait", lane="root", index=0)
    assert gesture(web, sequence, op="redo").status_code == 409


def test_undo_brings_back_a_step_whose_template_is_gone_since(web: Client, campaign: Campaign) -> None:
    sequence, template = campaign.sequence, make_template(campaign.workspace, name="Soon gone")
    draft = selectors.draft_version(sequence)
    assert draft is not None
    services.change_step(sequence, key="bye", changes={"template": template.pk})
    services.delete_step(sequence, key="bye")
    template.current_version = None
    template.save()
    template.versions.all().delete()
    template.delete()
    assert gesture(web, sequence, op="undo").status_code == 200
    assert sequence.versions.get().steps.get(key="bye").template_version is None


def test_pasted_steps_get_keys_of_their_own_and_still_mean_each_other(web: Client, campaign: Campaign) -> None:
    sequence = campaign.sequence
    copied = web.get(f"/sequences/{sequence.pk}/fragment/?lane=root").json()
    answer = gesture(web, sequence, op="paste", steps=json.dumps(copied), lane="root", index=3)
    assert answer.status_code == 200
    found = services.fragment_of(sequence, lane="root")
    assert len({step["key"] for step in found}) == 6
    assert found[4]["step"] == found[3]["key"]
    assert [step["wait"] for step in found[4]["lanes"]["yes"]] == ["P1DT00H00M00S", "P2DT00H00M00S"]


@pytest.mark.parametrize("text", ["", "hello", "{}", '{"steps": 3}', "[1]", "[" * 100_000, '[{"kind": "warp"}]'])
def test_what_is_no_steps_is_not_pasted(web: Client, campaign: Campaign, text: str) -> None:
    answer = gesture(web, campaign.sequence, op="paste", steps=text, lane="root", index=0)
    assert answer.status_code == 422
    assert keys(campaign.sequence) == ["hello", "ask", "bye"]


def test_a_gesture_makes_stale_what_was_checked_before(web: Client, campaign: Campaign) -> None:
    version = campaign.version
    gesture(web, campaign.sequence, op="delete", key="bye")
    campaign.refresh_from_db()
    assert campaign.version == version + 1


def test_the_steps_of_a_scheduled_campaign_stay(web: Client, campaign: Campaign) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(status="scheduled")
    answer = gesture(web, campaign.sequence, op="delete", key="bye")
    assert answer.status_code == 409
    assert "scheduled" in answer["HX-Trigger"] or "scheduled" in answer.text
    assert keys(campaign.sequence) == ["hello", "ask", "bye"]


def test_a_broadcast_becomes_a_drip(web: Client, member: Membership) -> None:
    campaign = make_campaign(member.workspace)
    gesture(web, campaign.sequence, op="add", sort="wait", lane="root", index=1)
    campaign.refresh_from_db()
    assert campaign.kind == Kind.DRIP


def test_the_history_keeps_two_hundred_edits(campaign: Campaign) -> None:
    for _ in range(210):
        services.shift_step(campaign.sequence, key="hello", by=1)
        services.undo(campaign.sequence)
    assert DraftEdit.objects.count() <= 201


@pytest.mark.parametrize("slug", ["welcome", "trial", "cold-outreach", "re-engagement", "event", "post-purchase"])
def test_every_preset_could_be_published_as_it_is(member: Membership, slug: str) -> None:
    campaign = make_campaign(member.workspace, kind="drip", steps=[])
    services.use_preset(campaign.sequence, slug=slug)
    draft = selectors.draft_version(campaign.sequence)
    assert draft is not None
    found = services.findings_of(member.workspace.pk, selectors.steps_in_order(draft))
    assert (found.errors, found.warnings) == ([], [])
    services.publish(campaign.sequence)


def test_a_file_brings_the_steps_into_another_workspace(client: Client, campaign: Campaign) -> None:
    source = campaign.sequence
    friends = make_list(campaign.workspace, name="Friends")
    services.place_step(
        source, kind="action", fields={"do": "add_to_list", "list": friends.pk}, lane="root", position=3
    )
    template = make_template(campaign.workspace, name="Letter")
    services.change_step(source, key="bye", changes={"template": template.pk, "subject": "Bye"})
    text = json.dumps(services.export_steps(source)).encode()

    other = MembershipFactory(role="editor")
    target = make_campaign(other.workspace, kind="drip", steps=[]).sequence
    own = make_list(other.workspace, name="Friends")
    client.force_login(other.user)
    answer = client.post(
        f"/sequences/{target.pk}/import/",
        {"revision": revision(target), "file": SimpleUploadedFile("x.json", text)},
        headers=HTMX,
    )
    assert answer.status_code == 200, answer.text
    found = services.fragment_of(target, lane="root")
    assert [step["kind"] for step in found] == ["email", "branch", "email", "action"]
    assert (found[2]["source"], found[2]["subject"]) == (SOURCE, "Bye")
    assert found[3]["list"] == own.pk


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xfe{\x00", "not in UTF-8"),
        ("größe".encode("latin-1"), "not in UTF-8"),
        (b"hello", "no JSON (line 1, column 1)"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"format": "other", "steps": []}', "doesn’t know"),
        (b'{"steps": 1}', "holds no steps"),
        (b'[{"kind": "wait", "wait": "soon"}]', "Step 1 (wait)"),
        (b'[{"kind": "email", "template": 99999999}]', "no template"),
        (b" " * 10_000_001, "larger than 10 MB"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_reason(
    web: Client, campaign: Campaign, data: bytes, said: str
) -> None:
    sequence = campaign.sequence
    answer = web.post(
        f"/sequences/{sequence.pk}/import/",
        {"revision": revision(sequence), "file": SimpleUploadedFile("x.json", data)},
        headers=HTMX,
    )
    assert answer.status_code == 422
    assert said in answer.text
    assert keys(sequence) == ["hello", "ask", "bye"]


def test_who_may_only_look_changes_nothing_unless_the_campaign_is_shared(client: Client, campaign: Campaign) -> None:
    analyst = MembershipFactory(workspace=campaign.workspace, role="analyst")
    client.force_login(analyst.user)
    assert gesture(client, campaign.sequence, op="delete", key="bye").status_code == 403
    assert "data-editable" not in client.get(f"/sequences/{campaign.sequence_id}/").text
    team.share(obj=campaign, membership=analyst, access=Share.EDIT)
    assert "data-editable" in client.get(f"/sequences/{campaign.sequence_id}/").text
    assert gesture(client, campaign.sequence, op="delete", key="bye").status_code == 200


def endpoints(campaign: Campaign, comment: int) -> list[tuple[str, str]]:
    base = f"/sequences/{campaign.sequence_id}/"
    return [
        ("get", base), ("get", f"{base}numbers/"), ("get", f"{base}fragment/?key=hello"), ("get", f"{base}export/"),
        ("get", f"{base}import/"), ("get", f"{base}steps/hello/"), ("post", f"{base}edit/"), ("post", f"{base}import/"),
        ("post", f"{base}steps/hello/"), ("post", f"{base}steps/hello/content/"), ("post", f"{base}steps/hello/newest/"),
        ("post", f"{base}steps/hello/comments/"), ("post", f"{base}comments/{comment}/"),
    ]  # fmt: skip


def test_nothing_of_another_workspace_is_there(client: Client, campaign: Campaign, member: Membership) -> None:
    comment = services.add_comment(campaign.sequence, key="hello", text="Ours", author=member.user)
    client.force_login(MembershipFactory(role="owner").user)
    for method, url in endpoints(campaign, comment.pk):
        values = {"op": "delete", "key": "hello", "revision": 0}
        answer = getattr(client, method)(url, values, headers=HTMX) if method == "post" else client.get(url)
        assert answer.status_code == 404, (method, url, answer.status_code)
    assert keys(campaign.sequence) == ["hello", "ask", "bye"]


def test_a_comment_is_answered_resolved_and_deleted_by_its_author_alone(
    web: Client, campaign: Campaign, member: Membership
) -> None:
    base = f"/sequences/{campaign.sequence_id}/"
    assert web.post(f"{base}steps/hello/comments/", {"text": " "}, headers=HTMX).status_code == 422
    assert "Nice" in web.post(f"{base}steps/hello/comments/", {"text": "Nice"}, headers=HTMX).text
    comment = selectors.comments_of(campaign.sequence, "hello")[0]
    other = MembershipFactory(workspace=member.workspace, role="approver")
    web.force_login(other.user)
    assert web.post(f"{base}comments/{comment.pk}/", {"do": "delete"}, headers=HTMX).status_code == 403
    assert "Resolved by" in web.post(f"{base}comments/{comment.pk}/", {"do": "resolve"}, headers=HTMX).text
    assert selectors.open_comments(campaign.sequence) == {}
    web.force_login(member.user)
    web.post(f"{base}comments/{comment.pk}/", {"do": "delete"}, headers=HTMX)
    assert selectors.comments_of(campaign.sequence, "hello") == []


@pytest.mark.parametrize("copies", [1, 6])
def test_the_page_costs_a_fixed_number_of_queries(
    web: Client, campaign: Campaign, copies: int, django_assert_max_num_queries: Any
) -> None:
    services.replace_draft(campaign.sequence, steps=[])
    for number in range(copies):
        services.paste_steps(campaign.sequence, steps=STEPS, position=3 * number)
    with django_assert_max_num_queries(14):
        assert web.get(f"/sequences/{campaign.sequence_id}/").status_code == 200


def test_an_email_written_for_its_step_becomes_a_template_to_be_edited(web: Client, campaign: Campaign) -> None:
    answer = web.post(f"/sequences/{campaign.sequence_id}/steps/bye/content/", headers=HTMX)
    step = campaign.sequence.versions.get().steps.get(key="bye")
    assert step.template_version is not None
    assert step.template_version.source == SOURCE
    assert answer["HX-Redirect"].startswith(f"/templates/{step.template_version.template_id}/")
    assert campaigns.email_of(campaign).key == "hello"
