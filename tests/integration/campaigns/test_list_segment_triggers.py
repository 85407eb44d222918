"""Entering a list or a segment lets contacts in: at the edge alone, and edited definitions let nobody in."""

from datetime import timedelta

from campaigns import services
from campaigns.models import Arrival, SegmentMember
from contacts import services as contacts
from core import clock
from tests.factories.campaigns import make_list
from tests.factories.contacts import make_contact, run_file
from tests.factories.sequences import make_contacts
from tests.integration.campaigns.triggers import entered, launch_triggered, let_in

ACME = {"match": "all", "conditions": [{"field": "company", "operator": "is", "value": "Acme"}]}
OTHER = {"match": "all", "conditions": [{"field": "company", "operator": "is_not", "value": "Acme"}]}
MINUTE = timedelta(minutes=1)


def look(at):
    """Look at the segments, and let in whom that calls."""
    with clock.simulated(at):
        services.look_at_triggers(now=at)
    let_in(at)


def test_who_enters_the_list_enters_by_hand_by_program_and_by_import(workspace, mailbox, at_nine):
    people = make_contacts(workspace, 3)
    list_ = make_list(workspace, people[:1])
    campaign = launch_triggered(workspace, {"kind": "list", "list": list_.pk})
    contacts.add_members(list_=list_, contact_ids=people[:2])
    contacts.create_contact(workspace=workspace, email="made@example.com", lists=[list_])
    run_file(workspace, b"email\nperson2@example.com\nimported@example.com\n", list_=list_)
    let_in(at_nine)
    assert sorted(entered(campaign)) == [
        "imported@example.com", "made@example.com", "person1@example.com", "person2@example.com",
    ]  # fmt: skip
    assert not Arrival.objects.exists()


def test_who_leaves_and_comes_back_enters_again_only_if_that_is_the_rule(workspace, mailbox, at_nine):
    (person,) = make_contacts(workspace, 1)
    list_ = make_list(workspace)
    once = launch_triggered(workspace, {"kind": "list", "list": list_.pk}, name="Once")
    again = launch_triggered(
        workspace, {"kind": "list", "list": list_.pk, "reentry": "gap", "gap": "PT1M"}, name="Again"
    )
    for minutes in (0, 2):
        with clock.simulated(at_nine + minutes * MINUTE):
            contacts.add_members(list_=list_, contact_ids=[person])
            let_in(at_nine + minutes * MINUTE)
            services_run(at_nine + minutes * MINUTE)
            contacts.remove_members(list_=list_, contact_ids=[person])
    assert len(entered(once)) == 1
    assert len(entered(again)) == 2


def services_run(at):
    from sequences import services as sequences

    sequences.advance_due(now=at)


def test_who_is_there_already_enters_only_if_asked(workspace, mailbox, at_nine):
    list_ = make_list(workspace, make_contacts(workspace, 3))
    default = launch_triggered(workspace, {"kind": "list", "list": list_.pk}, name="Default")
    current = launch_triggered(workspace, {"kind": "list", "list": list_.pk, "include_current": True}, name="Current")
    assert len(entered(default)) == 0
    assert len(entered(current)) == 3
    segment = contacts.create_segment(workspace=workspace, name="All", definition=OTHER)
    current = launch_triggered(
        workspace, {"kind": "segment", "segment": segment.pk, "include_current": True}, name="Segment"
    )
    assert len(entered(current)) == 3
    look(at_nine + MINUTE)
    assert len(entered(current)) == 3


def test_a_segment_lets_in_who_enters_it(workspace, mailbox, at_nine):
    inside, outside, suppressed = (make_contact(workspace, f"{n}@example.com") for n in ("in", "out", "no"))
    contacts.update_contact(inside, company="Acme")
    segment = contacts.create_segment(workspace=workspace, name="Acme", definition=ACME)
    campaign = launch_triggered(workspace, {"kind": "segment", "segment": segment.pk})
    look(at_nine + MINUTE)
    assert entered(campaign) == []
    contacts.suppress(workspace_id=workspace.pk, email="no@example.com", reason="manual")
    for contact in (outside, suppressed):
        contacts.update_contact(contact, company="Acme")
    look(at_nine + 2 * MINUTE)
    assert entered(campaign) == ["out@example.com"]
    assert SegmentMember.objects.count() == 3
    contacts.update_contact(outside, company="")
    look(at_nine + 3 * MINUTE)
    assert SegmentMember.objects.count() == 2


def test_an_edited_definition_lets_nobody_in_but_who_enters_later(workspace, mailbox, at_nine):
    late = make_contact(workspace, "late@example.com", company="Acme")
    make_contact(workspace, "other@example.com")
    segment = contacts.create_segment(workspace=workspace, name="Acme", definition=ACME)
    campaign = launch_triggered(workspace, {"kind": "segment", "segment": segment.pk})
    contacts.update_segment(segment, definition=OTHER)
    look(at_nine + MINUTE)
    look(at_nine + 2 * MINUTE)
    assert entered(campaign) == []
    contacts.update_contact(late, company="")
    look(at_nine + 3 * MINUTE)
    assert entered(campaign) == ["late@example.com"]


def test_a_look_that_is_not_due_costs_nothing(workspace, mailbox, at_nine):
    segment = contacts.create_segment(workspace=workspace, name="Acme", definition=ACME)
    launch_triggered(workspace, {"kind": "segment", "segment": segment.pk})
    make_contact(workspace, company="Acme")
    assert services.look_at_triggers(now=at_nine + timedelta(seconds=1)) == 0
    assert services.look_at_triggers(now=at_nine + MINUTE) == 1


def test_a_broken_segment_calls_nobody_until_it_is_mended(workspace, mailbox, at_nine, caplog):
    field = contacts.create_field(workspace=workspace, label="Plan")
    definition = {"match": "all", "conditions": [{"field": "custom.plan", "operator": "is", "value": "pro"}]}
    segment = contacts.create_segment(workspace=workspace, name="Pro", definition=definition)
    campaign = launch_triggered(workspace, {"kind": "segment", "segment": segment.pk})
    type(field).objects.filter(pk=field.pk).delete()
    look(at_nine + MINUTE)
    assert entered(campaign) == []
    assert "can't be asked" in caplog.text


def test_a_deleted_contact_is_called_no_more(workspace, mailbox, at_nine):
    (person,) = make_contacts(workspace, 1)
    list_ = make_list(workspace)
    launch_triggered(workspace, {"kind": "list", "list": list_.pk})
    contacts.add_members(list_=list_, contact_ids=[person])
    contacts.delete_contacts(workspace=workspace, contact_ids=[person])
    assert not Arrival.objects.exists()
