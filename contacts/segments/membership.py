"""Subjects of belonging: lists, tags and suppression."""

from collections.abc import Iterable

from contacts.exceptions import BadValueError
from contacts.models import SuppressionReason
from contacts.segments.sql import Sql
from contacts.segments.subjects import Moment, Operator, Option, Subject, ValueKind
from contacts.tags import clean_tag

MEMBERSHIP = "Lists and status"

LIST = "list"
SUPPRESSION = "suppression"
TAGS = "tags"

# EXISTS, not IN: under OR and NOT the planner can then choose between one hash of the list and a look-up a contact.
_IN_LIST = "EXISTS (SELECT 1 FROM contacts_listmember lm WHERE lm.contact_id = c.id AND lm.list_id = %s)"
_SUPPRESSED = "EXISTS (SELECT 1 FROM contacts_suppression s WHERE s.workspace_id = c.workspace_id AND s.email_key = c.email_key{})"


def list_subject(lists: Iterable[tuple[int, str]]) -> Subject:
    """Return the subject "is in the list", over (id, name) of the workspace's lists."""

    def is_in(value: int, _moment: Moment) -> Sql:
        return Sql(_IN_LIST, (value,))

    operators = (
        Operator("in", "includes the contact", ValueKind.ONE, is_in),
        Operator(
            "not_in", "does not include the contact", ValueKind.ONE, lambda value, now: is_in(value, now).negated()
        ),
    )
    return Subject(LIST, "List", MEMBERSHIP, operators, tuple(Option(id_, name) for id_, name in lists))


def tags_subject() -> Subject:
    """Return the subject of a contact's tags, which its GIN index finds."""

    def has(value: str, _moment: Moment) -> Sql:
        try:
            return Sql("c.tags <> '{}' AND c.tags @> ARRAY[%s::text]", (clean_tag(value),))
        except BadValueError:  # no contact can have such a tag
            return Sql("FALSE")

    operators = (
        Operator("has", "include", ValueKind.TEXT, has),
        Operator("has_not", "do not include", ValueKind.TEXT, lambda value, now: has(value, now).negated()),
        Operator("empty", "are none", ValueKind.NONE, lambda _value, _now: Sql("c.tags = '{}'")),
        Operator("not_empty", "are any", ValueKind.NONE, lambda _value, _now: Sql("c.tags <> '{}'")),
    )
    return Subject(TAGS, "Tags", MEMBERSHIP, operators)


def suppression_subject() -> Subject:
    """Return the subject "is suppressed", by any reason or by one."""

    def suppressed(_value: None, _moment: Moment) -> Sql:
        return Sql(_SUPPRESSED.format(""))

    def because(value: str, _moment: Moment) -> Sql:
        return Sql(_SUPPRESSED.format(" AND s.reason = %s"), (value,))

    operators = (
        Operator("suppressed", "is suppressed", ValueKind.NONE, suppressed),
        Operator("not_suppressed", "can get mail", ValueKind.NONE, lambda value, now: suppressed(value, now).negated()),
        Operator("because", "is suppressed because", ValueKind.ONE, because),
    )
    options = tuple(Option(value, str(label)) for value, label in SuppressionReason.choices)
    return Subject(SUPPRESSION, "Status", MEMBERSHIP, operators, options)
