"""The audit trail as people read it: names instead of numbers, labels instead of columns."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import DateTimeField, Field, Model
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format

from team import trail_shares
from team.models import ApiToken, AuditEntry, User

type Names = dict[tuple[type[Model], str], str]

NAME_COLUMNS = ("name", "email", "label", "subject", "title")
# What only programs read.
OPAQUE_COLUMNS = {"id", "key", "lane"}


@dataclass(frozen=True, slots=True)
class Change:
    """One column of an entry, in words; `before` and `after` are empty where there is nothing."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the trail, in words."""

    pk: int
    at: datetime
    action: str
    verb: str
    actor: str
    kind: str
    name: str
    changes: list[Change]


def model_of(table: str) -> type[Model] | None:
    """Return the model whose rows are in the table, None when there is none (any more)."""
    return _models().get(table)


def kind_of(table: str) -> str:
    """Return what a row of the table is called, as in "API token"."""
    if table == trail_shares.TABLE:
        return trail_shares.KIND
    model = model_of(table)
    name = str(model._meta.verbose_name) if model else table.replace("_", " ")
    return name[:1].upper() + name[1:]


def lines(entries: Iterable[AuditEntry]) -> list[Line]:
    """Turn a page of entries into lines; costs a query for each kind of thing on the page, however many entries it has."""
    page = list(entries)
    actors = actor_names(entry.actor for entry in page)
    shared = trail_shares.words(page)
    names = _look_up([entry for entry in page if entry.pk not in shared])
    return [
        Line(
            pk=entry.pk,
            at=entry.at,
            action=entry.action,
            verb=entry.get_action_display().lower(),
            actor=actors[entry.actor],
            kind=kind_of(entry.table),
            name=shared[entry.pk].name if entry.pk in shared else _name(entry, names),
            changes=_share_changes(entry, shared[entry.pk]) if entry.pk in shared else _changes(entry, names),
        )
        for entry in page
    ]


def actor_names(labels: Iterable[str]) -> dict[str, str]:
    """Return what to call each actor: a person's name, a token's, a command's; the number where the row is gone."""
    distinct = set(labels)
    ids: dict[str, set[int]] = defaultdict(set)
    for label in distinct:
        kind, _, number = label.partition(":")
        if number.isdigit():
            ids[kind].add(int(number))
    users = User.objects.in_bulk(ids["user"])
    tokens = ApiToken.objects.in_bulk(ids["token"])
    return {label: _actor_name(label, users, tokens) for label in distinct}


def _actor_name(label: str, users: Mapping[int, User], tokens: Mapping[int, ApiToken]) -> str:
    kind, _, rest = label.partition(":")
    number = int(rest) if rest.isdigit() else 0
    match kind:
        case "user":
            return str(users.get(number, f"User {rest} (deleted)"))
        case "token":
            return f"API token {tokens[number].name}" if number in tokens else f"API token {rest} (deleted)"
        case "command":
            return f"Command {rest}"
        case "contact":
            return "The contact"
        case _:
            return label.capitalize()


def _models() -> dict[str, type[Model]]:
    return {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}


def _look_up(page: list[AuditEntry]) -> Names:
    """Return the names of the rows that the entries are about, and of those that they point at, where they still exist."""
    ids: dict[type[Model], set[str]] = defaultdict(set)
    for entry in page:
        model = model_of(entry.table)
        if model is None:
            continue
        ids[model].add(entry.row_id)
        for column, value in _pointers(entry):
            ids[_related(model, column) or model].add(value)
    names: Names = {}
    for model, wanted in ids.items():
        rows = model._default_manager.filter(pk__in=wanted)
        if parents := [field.name for field in model._meta.fields if field.many_to_one]:
            rows = rows.select_related(*parents)
        names |= {(model, str(row.pk)): str(row) for row in rows}
    return names


def _pointers(entry: AuditEntry) -> Iterable[tuple[str, str]]:
    model = model_of(entry.table)
    for values in (entry.before or {}, entry.after or {}):
        for column, value in values.items():
            if isinstance(value, int) and _related(model, column) is not None:
                yield column, str(value)


def _name(entry: AuditEntry, names: Names) -> str:
    model = model_of(entry.table)
    values = (entry.after or {}) | (entry.before or {})
    if model is None:
        return f"#{entry.row_id}"
    if model._meta.auto_created:  # a link between two rows, as a campaign and one of its lists
        ends = [_value(model, column, values, names) for column in _in_order(model, values) if _related(model, column)]
        return " – ".join(ends)
    whole = {} if entry.action == AuditEntry.Action.CHANGED else values
    own = next((str(whole[column]) for column in NAME_COLUMNS if whole.get(column)), "")
    if own or (model, entry.row_id) in names:
        return own or names[(model, entry.row_id)]
    # Gone, and nameless while it was there: a step is at least an email or a wait.
    return _value(model, "kind", whole, names) or str(whole.get("key") or f"#{entry.row_id}")


def _changes(entry: AuditEntry, names: Names) -> list[Change]:
    before, after = entry.before or {}, entry.after or {}
    model = model_of(entry.table)
    return [
        Change(_label(model, column), _value(model, column, before, names), _value(model, column, after, names))
        for column in _in_order(model, before | after)
        if column not in OPAQUE_COLUMNS
    ]


def _share_changes(entry: AuditEntry, words: trail_shares.Words) -> list[Change]:
    is_new = entry.action == AuditEntry.Action.CREATED
    return [Change(label, "" if is_new else value, value if is_new else "") for label, value in words.values.items()]


def _in_order(model: type[Model] | None, columns: Iterable[str]) -> list[str]:
    """Return the columns in the order of the model's fields; the database keeps them by length."""
    order = [field.column for field in model._meta.concrete_fields] if model is not None else []
    return sorted(columns, key=lambda column: order.index(column) if column in order else len(order))


def _field(model: type[Model] | None, column: str) -> "Field[Any, Any] | None":
    fields = model._meta.concrete_fields if model is not None else ()
    return next((field for field in fields if field.column == column), None)


def _related(model: type[Model] | None, column: str) -> type[Model] | None:
    field = _field(model, column)
    related = field.related_model if field is not None else None
    return related if isinstance(related, type) else None


def _label(model: type[Model] | None, column: str) -> str:
    field = _field(model, column)
    label = str(field.verbose_name) if field else column.replace("_", " ")
    return label[:1].upper() + label[1:]


def _value(model: type[Model] | None, column: str, values: Mapping[str, Any], names: Names) -> str:
    value = values.get(column)
    related = _related(model, column)
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(str(item) for item in value)
        case int() if related is not None:
            return names.get((related, str(value)), f"#{value}")
    field = _field(model, column)
    if isinstance(field, DateTimeField) and (moment := parse_datetime(str(value))):
        return date_format(timezone.localtime(moment), "j M Y, H:i")
    choices = dict(field.flatchoices) if field is not None and field.choices else {}
    return str(choices.get(value, value))
