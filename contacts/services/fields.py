"""Custom fields."""

import json
import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any

from django.db import IntegrityError, connection, transaction

from contacts import selectors
from contacts.exceptions import ContactsError
from contacts.models import Contact, ContactField, FieldType
from contacts.profile import KEY_PATTERN, RESERVED_KEYS
from contacts.unaudited import unaudited
from core import clock
from core.exceptions import InvalidInput
from team.models import Workspace

MAX_FIELDS = 200
MAX_CHOICES = 200
STRIP_BATCH = 5000


def create_field(
    *, workspace: Workspace, label: str, type_: str = FieldType.TEXT, key: str = "", choices: Iterable[str] = ()
) -> ContactField:
    """Create a custom field; without a key one is made from the label ("Favourite colour": `favouriteColour`).

    Raises what `check_field` raises.
    """
    field = check_field(workspace=workspace, label=label, type_=type_, key=key, choices=choices)
    try:
        with transaction.atomic():
            field.save()
    except IntegrityError as error:
        raise _invalid("key", "Another field has this key.") from error
    return field


def check_field(
    *, workspace: Workspace, label: str, type_: str, key: str = "", choices: Iterable[str] = ()
) -> ContactField:
    """Return the field that would be made, unsaved.

    Raises InvalidInput, its `fields` naming what is wrong: a reserved or taken key, an unknown type, missing choices.
    """
    label = _checked_label(label)
    if type_ not in FieldType.values:
        raise _invalid("type", f"The type must be one of {', '.join(FieldType.values)}.")
    key = _checked_key(key.strip()) if key.strip() else _free_key(workspace, label)
    existing = selectors.fields_in(workspace)
    if existing.filter(key__iexact=key).exists():
        raise _invalid("key", "Another field has this key.")
    if existing.count() >= MAX_FIELDS:
        raise ContactsError(f"A workspace has at most {MAX_FIELDS} fields.", code="too_many")
    if Contact.objects.filter(workspace=workspace, attributes__has_key=key).exists():
        raise _invalid(
            "key", "The values of a deleted field with this key are still being removed. Try again in a minute."
        )
    return ContactField(workspace=workspace, key=key, label=label, type=type_, choices=_checked_choices(type_, choices))


@transaction.atomic
def update_field(
    field: ContactField, *, label: str | None = None, choices: Iterable[str] | None = None
) -> ContactField:
    """Rename a field or change its choices; key and type stay for good, since templates and values rely on them.

    Raises what `check_field_change` raises.
    """
    check_field_change(field, label=label, choices=choices)
    field.save(update_fields=["label", "choices"])
    return field


def check_field_change(
    field: ContactField, *, label: str | None = None, choices: Iterable[str] | None = None
) -> ContactField:
    """Return the field as it would be, unsaved.

    Raises InvalidInput, also for a choice that is taken away while contacts or segments still have it.
    """
    if label is not None:
        field.label = _checked_label(label)
    if choices is not None:
        chosen = _checked_choices(field.type, choices)
        for gone in [choice for choice in field.choices if choice not in chosen]:
            _refuse_used_choice(field, gone)
        field.choices = chosen
    return field


def _refuse_used_choice(field: ContactField, choice: str) -> None:
    holders = Contact.objects.filter(workspace_id=field.workspace_id, attributes__contains={field.key: choice}).count()
    if holders:
        raise _invalid(
            "choices", f"{holders:,} contacts have “{choice}”. Change them before you take this choice away."
        )
    used_by = selectors.segments_using(field.workspace_id, f"custom.{field.key}", choice)
    if used_by:
        raise _invalid("choices", f"The segment “{used_by[0].name}” asks for “{choice}”. Change it first.")


@transaction.atomic
def delete_field(field: ContactField) -> None:
    """Delete a field; a task then removes its values from the contacts.  Raises ContactsError while a segment uses it."""
    users = selectors.segments_with_field(field)
    if users:
        names = ", ".join(f"“{segment.name}”" for segment in users[:3])
        raise ContactsError(f"The field is used by the segment {names}. Change or delete that first.", code="in_use")
    workspace_id, key = field.workspace_id, field.key
    field.delete()
    transaction.on_commit(lambda: _strip_later(workspace_id, key))


def _strip_later(workspace_id: int, key: str) -> None:
    from contacts.tasks import strip_field as task

    task.delay(workspace_id, key)


def strip_field(*, workspace_id: int, key: str) -> int:
    """Remove the values of a deleted field from the workspace's contacts, a batch a transaction; return how many had one."""
    stripped, last_id = 0, 0
    while not ContactField.objects.filter(workspace_id=workspace_id, key=key).exists():
        with unaudited(), connection.cursor() as cursor:
            # By the index for pages: each batch starts where the last one ended.
            cursor.execute(
                """
                WITH batch AS (
                    SELECT id FROM contacts_contact WHERE workspace_id = %s AND id > 0 AND id > %s AND attributes ? %s
                    ORDER BY id LIMIT %s FOR NO KEY UPDATE
                ), written AS (
                    UPDATE contacts_contact c SET attributes = c.attributes - %s FROM batch WHERE c.id = batch.id
                    RETURNING c.id
                )
                SELECT count(*), max(id) FROM written
                """,
                [workspace_id, last_id, key, STRIP_BATCH, key],
            )
            count, highest = cursor.fetchone()
        if not count:
            break
        stripped, last_id = stripped + count, highest
    return stripped


def set_field(*, workspace_id: int, key: str, value: object, contact_ids: Collection[int]) -> dict[int, Any]:
    """Give contacts a value (checked before, None empties it) of a custom field; return what those had who had another.

    A field that is gone, and contacts of other workspaces, are passed over.
    """
    with unaudited(), connection.cursor() as cursor:
        # Rows are locked in the order of their ids, as everywhere.
        cursor.execute(
            """
            WITH changed AS (
                SELECT c.id, c.attributes -> %(key)s AS before FROM contacts_contact c
                JOIN contacts_contactfield f ON f.workspace_id = c.workspace_id AND f.key = %(key)s
                WHERE c.workspace_id = %(workspace)s AND c.id = ANY (%(ids)s)
                    AND coalesce(c.attributes -> %(key)s, 'null') <> %(value)s::jsonb
                ORDER BY c.id FOR NO KEY UPDATE OF c
            )
            UPDATE contacts_contact c SET updated_at = %(now)s, attributes = CASE %(value)s::jsonb
                WHEN 'null' THEN c.attributes - %(key)s
                ELSE c.attributes || jsonb_build_object(%(key)s::text, %(value)s::jsonb) END
            FROM changed WHERE c.id = changed.id RETURNING c.id, changed.before
            """,
            {
                "workspace": workspace_id,
                "key": key,
                "value": json.dumps(value),
                "ids": list(contact_ids),
                "now": clock.now(),
            },
        )
        return {contact_id: _loaded(before) for contact_id, before in cursor.fetchall()}


def _loaded(value: Any) -> Any:
    """Return a JSON value that raw SQL gives as text, as Django has it."""
    return json.loads(value) if isinstance(value, str) else value


def _invalid(name: str, message: str) -> InvalidInput:
    return InvalidInput(message, fields={name: [message]})


def _checked_label(label: str) -> str:
    label = " ".join(label.replace("\x00", "").split())
    if not label:
        raise _invalid("label", "Give the field a name.")
    if len(label) > 100:
        raise _invalid("label", "A name has at most 100 characters.")
    return label


def _checked_key(key: str) -> str:
    if not KEY_PATTERN.match(key):
        raise _invalid("key", "A key starts with a letter and has only letters, digits and underscores, at most 60.")
    if key.lower() in RESERVED_KEYS:
        raise _invalid("key", f"“{key}” is the name of a standard merge field. Choose another key.")
    return key


def _free_key(workspace: Workspace, label: str) -> str:
    plain = unicodedata.normalize("NFKD", label.replace("ß", "ss")).encode("ascii", "ignore").decode()
    words = re.findall(r"[A-Za-z0-9]+", plain)
    stem = "".join([words[0].lower(), *(word[:1].upper() + word[1:] for word in words[1:])]) if words else "field"
    stem = (stem if stem[0].isalpha() else f"field{stem}")[:50]
    taken = {key.lower() for key in selectors.fields_in(workspace).values_list("key", flat=True)} | RESERVED_KEYS
    key, number = stem, 2
    while key.lower() in taken:
        key, number = f"{stem}{number}", number + 1
    return key


def _checked_choices(type_: str, choices: Iterable[str]) -> list[str]:
    if type_ != FieldType.CHOICE:
        return []
    clean = [" ".join(choice.replace("\x00", "").split()) for choice in choices]
    chosen = list({choice.casefold(): choice for choice in clean if choice}.values())
    if not chosen:
        raise _invalid("choices", "A choice needs at least one option.")
    if len(chosen) > MAX_CHOICES:
        raise _invalid("choices", f"A field has at most {MAX_CHOICES} options.")
    if any(len(choice) > 100 for choice in chosen):
        raise _invalid("choices", "An option has at most 100 characters.")
    return chosen
