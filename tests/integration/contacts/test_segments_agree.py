"""The compiler's SQL and a slow reference in Python agree on random contacts and definitions."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contacts import selectors, services
from contacts.models import Contact, ContactField, ListMember, Suppression
from contacts.segments.definition import check_definition, compile_definition
from contacts.segments.sql import Sql
from contacts.segments.subjects import Subject, ValueKind
from team.models import Workspace
from tests.factories.contacts import make_list
from tests.factories.team import WorkspaceFactory
from tests.integration.contacts.segment_reference import World, fits

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
ZONE = "Europe/Berlin"
TEXTS = ["", "Ada", "ada", "ÄRGER", "50%", "a_b", "a\\b", "o'hara", "x ada y", '"']
NUMBERS: list[Any] = [0, 1, -3, 2.5, 10, 1e20, 0.1]
DAYS = ["2026-03-29", "2026-03-28", "2026-03-01", "2026-04-02", "1999-12-31"]
CHOICES = ["pro", "free", "it's"]
TYPES = {"city": "text", "age": "number", "born": "date", "vip": "boolean", "plan": "choice", "tags": "list"}
OFFSETS = [0, 1, 30, 29.99, 400, 0.9]


@pytest.fixture
def world(db: None) -> World:
    """Sixty contacts with values of every type (some of them missing), lists and suppressions."""
    dice = random.Random(7)
    workspace = WorkspaceFactory(time_zone=ZONE, slug="agree")
    for key, type_ in TYPES.items():
        ContactField.objects.create(
            workspace=workspace, key=key, label=key, type=type_, choices=CHOICES if type_ == "choice" else []
        )
    lists = [make_list(workspace, name) for name in ("one", "two")]
    pools: dict[str, list[Any]] = {
        "city": TEXTS,
        "age": NUMBERS,
        "born": DAYS,
        "vip": [True, False],
        "plan": CHOICES,
        "tags": [["a"], ["a", "b%"], [{"n": 1}, "Ada"]],
    }

    def moment() -> datetime | None:
        return None if dice.random() < 0.3 else NOW - timedelta(days=dice.choice(OFFSETS))

    contacts = Contact.objects.bulk_create(
        Contact(
            workspace=workspace,
            email=f"p{number}@example.com",
            email_key=f"p{number}@example.com",
            first_name=dice.choice(TEXTS),
            last_name=dice.choice(TEXTS),
            company=dice.choice(TEXTS),
            attributes={key: dice.choice(pool) for key, pool in pools.items() if dice.random() < 0.7},
            tags=[tag for tag in ("ada", "vip") if dice.random() < 0.4],
            created_at=NOW - timedelta(days=dice.choice(OFFSETS)),
            last_sent_at=moment(),
            last_opened_at=moment(),
            last_clicked_at=moment(),
        )
        for number in range(60)
    )
    members = {contact.pk: {each.pk for each in lists if dice.random() < 0.4} for contact in contacts}
    ListMember.objects.bulk_create(
        ListMember(list_id=pk, contact_id=contact) for contact, ids in members.items() for pk in ids
    )
    reasons = {contact.email_key: dice.choice(["manual", "bounced"]) for contact in contacts if dice.random() < 0.3}
    Suppression.objects.bulk_create(
        Suppression(workspace=workspace, email_key=key, reason=why) for key, why in reasons.items()
    )
    # The same people elsewhere must never be found.
    other = WorkspaceFactory(time_zone=ZONE)
    Contact.objects.bulk_create(
        Contact(workspace=other, email=each.email, email_key=each.email_key, first_name="Ada") for each in contacts[:9]
    )
    return World(NOW, ZONE, TYPES, members, reasons)


def subjects_of(workspace: Workspace) -> dict[str, Subject]:
    """Return what contacts bring; campaigns add a subject of their own, which has its own test beside theirs."""
    return {key: subject for key, subject in selectors.subjects_in(workspace.pk).items() if key != "campaign"}


def values(takes: ValueKind, options: list[Any]) -> st.SearchStrategy[Any]:
    match takes:
        case ValueKind.TEXT:
            return st.sampled_from([text for text in TEXTS if text] + ["%", "b%", "a"]) | st.text(
                st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=3
            )
        case ValueKind.NUMBER:
            return st.sampled_from(NUMBERS) | st.integers(-20, 20) | st.floats(-1e6, 1e6)
        case ValueKind.DATE:
            return st.sampled_from(DAYS) | st.dates().map(str)
        case ValueKind.DAYS:
            return st.integers(1, 36_500) | st.sampled_from([1, 30, 29])
        case ValueKind.ONE:
            return st.sampled_from(options)
        case ValueKind.SEVERAL:
            return st.lists(st.sampled_from(options), min_size=1, max_size=3, unique=True)
    return st.none()


def definitions(workspace: Workspace) -> st.SearchStrategy[dict[str, Any]]:
    conditions = []
    for subject in subjects_of(workspace).values():
        options = [option.value for option in subject.options]
        for operator in subject.operators:
            head = {"field": subject.key, "operator": operator.key}
            if operator.takes is ValueKind.NONE:
                conditions.append(st.just(head))
            else:
                conditions.append(st.fixed_dictionaries({**_fixed(head), "value": values(operator.takes, options)}))
    leaf = st.one_of(conditions)
    tree = st.recursive(leaf, lambda inner: _groups(inner), max_leaves=8)
    return _groups(tree)


def _fixed(head: dict[str, str]) -> dict[str, st.SearchStrategy[Any]]:
    return {name: st.just(value) for name, value in head.items()}


def _groups(children: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"match": st.sampled_from(["all", "any", "none"]), "conditions": st.lists(children, max_size=4)}
    )


def depth(node: dict[str, Any]) -> int:
    return 1 + max(map(depth, node["conditions"]), default=0) if "conditions" in node else 0


def test_sql_and_reference_agree(world: World) -> None:
    workspace = Workspace.objects.get(slug="agree")
    contacts = list(selectors.contacts_in(workspace))
    subjects, moment = subjects_of(workspace), selectors.moment_in(ZONE, now=NOW)

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(definition=definitions(workspace).filter(lambda each: depth(each) <= 5))
    @example(definition={"match": "all", "conditions": []})
    @example(definition={"match": "any", "conditions": []})
    def agree(definition: dict[str, Any]) -> None:
        checked = check_definition(definition, subjects)
        found = asked(workspace, compile_definition(checked, subjects, moment))
        assert found == {contact.pk for contact in contacts if fits(checked, contact, world)}

    agree()


def asked(workspace: Workspace, condition: Sql) -> set[int]:
    """Return the ids that the condition finds, by one query."""
    with connection.cursor() as cursor:
        query = f"SELECT c.id FROM contacts_contact c WHERE c.workspace_id = %s AND ({condition.text})"
        cursor.execute(query, [workspace.pk, *condition.params])
        return {pk for (pk,) in cursor.fetchall()}


SAMPLES: dict[str, list[Any]] = {
    "text": [text for text in TEXTS if text] + ["%", "_", "a", "b%"],
    "number": NUMBERS,
    "date": [*DAYS, "2026-03-30", "2026-03-27"],
    "days": [1, 2, 3, 4, 28, 29, 30, 31, 400, 36_500],
    "none": [None],
}


def test_every_operator_agrees_on_typical_values_and_their_edges(world: World) -> None:
    workspace = Workspace.objects.get(slug="agree")
    contacts = list(selectors.contacts_in(workspace))
    subjects, moment = subjects_of(workspace), selectors.moment_in(ZONE, now=NOW)
    for subject in subjects.values():
        options = [option.value for option in subject.options]
        for operator in subject.operators:
            several = [[option] for option in options] + [options]
            for value in {"one": options, "several": several, **SAMPLES}[operator.takes]:
                condition = {"field": subject.key, "operator": operator.key, "value": value}
                checked = check_definition(condition_group(condition), subjects)
                expected = {each.pk for each in contacts if fits(checked, each, world)}
                assert asked(workspace, compile_definition(checked, subjects, moment)) == expected, condition


def test_a_value_that_looks_like_sql_is_only_a_value(world: World) -> None:
    workspace = Workspace.objects.get(slug="agree")
    evil = "'); DROP TABLE contacts_contact; -- %s {} %(x)s"
    definition = {"match": "all", "conditions": [{"field": "custom.city", "operator": "contains", "value": evil}]}
    segment = services.create_segment(workspace=workspace, name="Evil", definition=definition)
    assert selectors.count_matching(workspace, segment.definition) == 0
    assert selectors.contacts_in(workspace).count() == 60


def test_values_of_the_wrong_type_in_the_database_break_no_segment(world: World) -> None:
    workspace = Workspace.objects.get(slug="agree")
    selectors.contacts_in(workspace).update(attributes={key: {"odd": [1]} for key in TYPES})
    subjects, moment = subjects_of(workspace), selectors.moment_in(ZONE, now=NOW)
    for subject in subjects.values():
        for operator in subject.operators:
            option = subject.options[0].value if subject.options else None
            value = {"one": option, "several": [option]}.get(operator.takes, SAMPLES.get(operator.takes, [None])[0])
            condition = {"field": subject.key, "operator": operator.key, "value": value}
            asked(
                workspace, compile_definition(check_definition(condition_group(condition), subjects), subjects, moment)
            )


def condition_group(condition: dict[str, Any]) -> dict[str, Any]:
    return {"match": "all", "conditions": [condition]}
