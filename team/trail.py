"""The audit trail as people read it: names instead of numbers, labels instead of columns."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model

from team.models import ApiToken, AuditEntry, User

NAME_COLUMNS = ("name", "email", "label", "subject", "title", "key")


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
    model = model_of(table)
    name = str(model._meta.verbose_name) if model else table.replace("_", " ")  # noqa: SLF001 - Django's public name
    return name[:1].upper() + name[1:]


def lines(entries: Iterable[AuditEntry]) -> list[Line]:
    """Turn a page of entries into lines; costs a few queries a page, however many entries it has."""
    page = list(entries)
    actors = actor_names(entry.actor for entry in page)
    names = _row_names(page)
    return [
        Line(
            pk=entry.pk,
            at=entry.at,
            action=entry.action,
            verb=entry.get_action_display().lower(),
            actor=actors[entry.actor],
            kind=kind_of(entry.table),
            name=_own_name(entry) or names.get((entry.table, entry.row_id), f"#{entry.row_id}"),
            changes=_changes(entry),
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
        case _:
            return label.capitalize()


def _models() -> dict[str, type[Model]]:
    return {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}  # noqa: SLF001 - as above


def _own_name(entry: AuditEntry) -> str:
    values = (entry.after or {}) | (entry.before or {}) if entry.action != AuditEntry.Action.CHANGED else {}
    return next((str(values[column]) for column in NAME_COLUMNS if values.get(column)), "")


def _row_names(page: list[AuditEntry]) -> dict[tuple[str, str], str]:
    ids: dict[str, set[str]] = defaultdict(set)
    for entry in page:
        ids[entry.table].add(entry.row_id)
    names: dict[tuple[str, str], str] = {}
    for table, row_ids in ids.items():
        model = model_of(table)
        if model is None:
            continue
        rows = model._default_manager.filter(pk__in=row_ids)  # noqa: SLF001 - as above
        if parents := [field.name for field in model._meta.fields if field.many_to_one]:  # noqa: SLF001 - as above
            rows = rows.select_related(*parents)
        names |= {(table, str(row.pk)): str(row) for row in rows}
    return names


def _changes(entry: AuditEntry) -> list[Change]:
    before, after = entry.before or {}, entry.after or {}
    model = model_of(entry.table)
    columns = [column for column in before | after if column != "id"]
    return [
        Change(_label(model, column), _value(model, column, before), _value(model, column, after)) for column in columns
    ]


def _field(model: type[Model] | None, column: str) -> "Field[Any, Any] | None":
    if model is None:
        return None
    try:
        field = model._meta.get_field(column.removesuffix("_id"))  # noqa: SLF001 - as above
    except FieldDoesNotExist:
        try:
            field = model._meta.get_field(column)  # noqa: SLF001 - as above
        except FieldDoesNotExist:
            return None
    return field if isinstance(field, Field) else None


def _label(model: type[Model] | None, column: str) -> str:
    field = _field(model, column)
    label = str(field.verbose_name) if field else column.replace("_", " ")
    return label[:1].upper() + label[1:]


def _value(model: type[Model] | None, column: str, values: Mapping[str, Any]) -> str:
    value = values.get(column)
    field = _field(model, column)
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(str(item) for item in value)
        case int() if field is not None and field.is_relation:
            return f"#{value}"
    choices = dict(field.flatchoices) if field is not None and field.choices else {}
    return str(choices.get(value, value))
