"""The pages on which a change is published, compared and taken back."""

from datetime import timedelta

import pytest
from django.test import Client

from sequences import selectors, services
from sequences.models import Enrolment, Publication, Sequence
from tests.factories.campaigns import make_campaign
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document
from tests.factories.team import MembershipFactory

MAIL = {"kind": "email", "source": SOURCE}
STEPS = [
    {**MAIL, "key": "a", "subject": "Hello {{ firstName }}"},
    {"key": "w", "kind": "wait", "wait": "P4D"},
    {**MAIL, "key": "b", "subject": "B"},
]


@pytest.fixture
def sequence(workspace, mailbox, at_nine):
    sequence = make_document(workspace, STEPS)
    enrol(sequence, make_contacts(workspace, 3), mailbox)
    services.advance_due(now=at_nine)
    Enrolment.objects.update(step_key="w", entered_step_at=at_nine, due_at=at_nine + timedelta(days=4))
    return sequence


def signed_in(workspace, role="editor"):
    client = Client()
    client.force_login(MembershipFactory(workspace=workspace, role=role).user)
    return client


@pytest.fixture
def web(workspace):
    return signed_in(workspace)


def change(sequence, steps=None):
    services.open_draft(sequence)
    services.replace_steps(
        sequence, steps=steps or [STEPS[0], {**STEPS[1], "wait": "P1D"}, {**MAIL, "key": "n", "subject": "New"}]
    )
    return selectors.draft_version(sequence)


def at(sequence, path):
    return f"/sequences/{sequence.pk}/{path}"


def test_a_draft_is_opened_and_discarded(web, sequence):
    opened = web.post(at(sequence, "draft/"), follow=True)
    assert "until you publish it" in opened.text
    assert selectors.draft_version(sequence) is not None
    assert "thrown away" in web.post(at(sequence, "draft/discard/"), follow=True).text
    assert selectors.draft_version(sequence) is None
    assert web.get(at(sequence, "publish/")).status_code == 302
    assert web.post(at(sequence, "draft/discard/")).status_code == 409


def test_the_page_says_who_moves_waits_and_leaves_and_publishes(web, sequence):
    draft = change(sequence)
    page = web.get(at(sequence, "publish/"))
    assert page.status_code == 200
    for words in ("They wait 1 day in all", "Length: <del>4 days</del>", "Added", "Removed", "Publish version 2?"):
        assert words in page.text
    fragment = web.get(at(sequence, "publish/"), {"policy": "exit"}, headers={"HX-Request": "true"})
    assert "Leave now" in fragment.text
    assert "<form" not in fragment.text

    done = web.post(at(sequence, "publish/"), {"policy": "migrate", "revision": draft.revision}, follow=True)
    assert "Version 2 is live." in done.text
    assert (Publication.objects.get().moved, Publication.objects.get().policy) == (3, "migrate")
    again = web.post(at(sequence, "publish/"), {"policy": "migrate", "revision": draft.revision})
    assert again.status_code == 409


def test_a_stale_page_is_told_and_publishes_nothing(web, sequence):
    draft = change(sequence)
    change(sequence, STEPS[:1])
    stale = web.post(at(sequence, "publish/"), {"policy": "migrate", "revision": draft.revision})
    assert stale.status_code == 409
    assert "Nothing was published" in stale.text
    assert not Publication.objects.exists()
    assert web.post(at(sequence, "publish/"), {"policy": "migrate"}).status_code == 422


def test_what_keeps_it_from_being_published_is_said(web, sequence):
    change(sequence, [STEPS[0], {"key": "w", "kind": "wait"}])
    page = web.get(at(sequence, "publish/"))
    assert "It can’t be published yet" in page.text
    assert "Step 2" in page.text
    assert 'type="submit" data-confirm' not in page.text


def test_versions_are_listed_compared_and_brought_back(web, sequence):
    draft = change(sequence)
    web.post(at(sequence, "publish/"), {"policy": "migrate", "revision": draft.revision})
    page = web.get(at(sequence, "versions/"))
    for words in ("Version 2", "Live", "3 moved to it", "Removed", "4 days"):
        assert words in page.text
    assert web.get(at(sequence, "versions/"), {"version": 1}).status_code == 200
    assert web.get(at(sequence, "versions/"), {"version": 9}).status_code == 404
    back = web.post(at(sequence, "versions/1/restore/"), follow=True)
    assert "The steps of version 1 are a draft now" in back.text
    assert web.post(at(sequence, "versions/1/restore/")).status_code == 409
    assert web.post(at(sequence, "versions/1/restore/"), {"replace": "1"}).status_code == 302
    assert web.get(at(sequence, "publish/progress/")).status_code == 286


PAGES = ["versions/", "publish/", "publish/progress/"]
DEEDS = ["draft/", "draft/discard/", "publish/", "versions/1/restore/"]


def test_a_sequence_of_another_workspace_is_not_found(sequence):
    stranger = signed_in(MembershipFactory().workspace, "owner")
    assert {stranger.get(at(sequence, path)).status_code for path in PAGES} == {404}
    assert {stranger.post(at(sequence, path)).status_code for path in DEEDS} == {404}


def test_who_may_only_look_changes_nothing(workspace, sequence):
    analyst = signed_in(workspace, "analyst")
    assert analyst.get(at(sequence, "versions/")).status_code == 200
    assert {analyst.post(at(sequence, path)).status_code for path in DEEDS} == {403}


def test_the_first_version_of_a_draft_is_shown_without_a_way_to_publish_it_here(web, workspace):
    campaign = make_campaign(workspace, kind="drip")
    page = web.get(at(Sequence.objects.get(pk=campaign.sequence_id), "versions/"))
    assert "not published" in page.text
    assert "Publish…" not in page.text
