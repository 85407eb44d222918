"""Contacts, one at a time, and their deletion."""

import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db import IntegrityError, connection, transaction

from contacts import tombstones
from contacts.addresses import BadAddressError, check_address, email_key
from contacts.events import ContactsDeleted
from contacts.exceptions import BadValueError, InvalidContact
from contacts.models import Contact, ContactField, List, TrackingMode
from contacts.profile import COLUMNS
from contacts.services.lists import insert_members
from contacts.tags import clean_tags
from contacts.values import coercer
from core import bus, clock
from team.models import Workspace

DELETE_BATCH = 1000

TAKEN = "Another contact has this address."


def create_contact(
    *,
    workspace: Workspace,
    email: str,
    first_name: str = "",
    last_name: str = "",
    company: str = "",
    locale: str = "",
    time_zone: str = "",
    tracking: str = TrackingMode.INDIVIDUAL,
    attributes: Mapping[str, Any] | None = None,
    tags: Iterable[str] | str = (),
    lists: Iterable[List] = (),
) -> Contact:
    """Create a contact and put it into lists of its workspace.

    Raises InvalidContact, its `fields` naming what is wrong, also when another contact has the address.
    """
    given = {
        "email": email,
        "first_name": first_name,
        "last_name": last_name,
        "company": company,
        "locale": locale,
        "time_zone": time_zone,
        "tracking": tracking,
        "attributes": attributes or {},
        "tags": tags if isinstance(tags, str) else list(tags),
    }
    values = check_columns(workspace.pk, given, known={})
    now = clock.now()
    chosen = _own_lists(workspace, lists)
    contact = Contact(workspace=workspace, created_at=now, updated_at=now, **values)
    try:
        with transaction.atomic():
            contact.save(force_insert=True)
    except IntegrityError as error:
        raise InvalidContact(TAKEN, fields={"email": [TAKEN]}) from error
    with transaction.atomic():
        tombstones.welcome_back(workspace_id=workspace.pk, contact_ids=[contact.pk], now=now)
        for each in chosen:
            insert_members(list_id=each.pk, contact_ids=[contact.pk], now=now)
    return contact


@transaction.atomic
def update_contact(contact: Contact, *, lists: Iterable[List] | None = None, **changes: Any) -> Contact:
    """Change columns of a contact; `attributes` are merged key by key (None or empty removes one); `lists` and `tags` replace
    what it had.

    Raises InvalidContact, its `fields` naming what is wrong.
    """
    locked = Contact.objects.select_for_update().select_related("workspace").get(pk=contact.pk)
    values = check_columns(locked.workspace_id, changes, known=locked.attributes)
    changed = {name: value for name, value in values.items() if getattr(locked, name) != value}
    if changed:
        changed["updated_at"] = clock.now()
        try:
            with transaction.atomic():
                Contact.objects.filter(pk=locked.pk).update(**changed)
        except IntegrityError as error:
            raise InvalidContact(TAKEN, fields={"email": [TAKEN]}) from error
        if "email_key" in changed:
            tombstones.welcome_back(
                workspace_id=locked.workspace_id, contact_ids=[locked.pk], now=changed["updated_at"]
            )
    if lists is not None:
        _set_lists(locked, _own_lists(locked.workspace, lists))
    contact.refresh_from_db()
    return contact


@transaction.atomic
def ensure_contacts(*, workspace_id: int, emails: Iterable[str]) -> dict[str, int]:
    """Return the ids of the contacts with these (checked) addresses by the addresses' keys; who isn't there is created."""
    wanted = {email_key(email): email for email in emails}
    known = dict(Contact.objects.filter(workspace_id=workspace_id, email_key__in=wanted).values_list("email_key", "pk"))
    missing = sorted(wanted.keys() - known.keys())
    if not missing:
        return known
    now = clock.now()
    with connection.cursor() as cursor:
        # In the order of the keys, so that two who create the same contacts don't wait for each other crosswise.
        cursor.execute(
            """
            INSERT INTO contacts_contact (workspace_id, email, email_key, created_at, updated_at)
            SELECT %s, given.email, given.email_key, %s, %s FROM unnest(%s::text[], %s::text[]) AS given (email, email_key)
            ON CONFLICT (workspace_id, email_key) DO NOTHING RETURNING id
            """,
            [workspace_id, now, now, [wanted[key] for key in missing], missing],
        )
        created = [pk for (pk,) in cursor.fetchall()]
    tombstones.welcome_back(workspace_id=workspace_id, contact_ids=created, now=now)
    fresh = Contact.objects.filter(workspace_id=workspace_id, email_key__in=missing).values_list("email_key", "pk")
    return {**known, **dict(fresh)}


def _own_lists(workspace: Workspace, lists: Iterable[List]) -> list[List]:
    chosen = list(lists)
    if any(each.workspace_id != workspace.pk for each in chosen):
        raise InvalidContact("A list belongs to another workspace.", fields={"lists": ["There is no such list."]})
    return chosen


def _set_lists(contact: Contact, lists: Collection[List]) -> None:
    contact.list_members.exclude(list__in=lists).delete()
    now = clock.now()
    for each in lists:
        insert_members(list_id=each.pk, contact_ids=[contact.pk], now=now)


def check_columns(workspace_id: int, given: Mapping[str, Any], *, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns to write for what is given, cleaned; `known` are the attributes there already.

    Raises InvalidContact, its `fields` naming what is wrong.
    """
    values: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for name, raw in given.items():
        try:
            if name == "email":
                values["email"] = check_address(raw if isinstance(raw, str) else "")
                values["email_key"] = email_key(values["email"])
            elif name in COLUMNS:
                values[name] = COLUMNS[name].clean(raw)
            elif name == "tracking":
                values[name] = _tracking(raw)
            elif name == "tags":
                values[name] = clean_tags(raw)
            elif name == "attributes":
                values[name] = {**known, **raw} if not raw else _attributes(workspace_id, raw, known, errors)
            else:
                errors[name] = ["A contact has no such column."]
        except (BadAddressError, BadValueError) as error:
            errors[name] = [str(error)]
    if errors:
        name, messages = next(iter(errors.items()))
        raise InvalidContact(f"{name}: {messages[0]}", fields=errors)
    return values


def _tracking(raw: object) -> str:
    if raw not in TrackingMode.values:
        raise BadValueError(f"This must be one of {', '.join(TrackingMode.values)}.")
    return str(raw)


def _attributes(
    workspace_id: int, given: Mapping[str, Any], known: Mapping[str, Any], errors: dict[str, list[str]]
) -> dict[str, Any]:
    fields = {field.key: field for field in ContactField.objects.filter(workspace_id=workspace_id)}
    merged = dict(known)
    for key, raw in given.items():
        field = fields.get(key)
        if field is None:
            errors[f"attributes.{key}"] = ["This workspace has no such field."]
            continue
        try:
            value = coercer(field.type, choices=field.choices)(raw)
        except BadValueError as error:
            errors[f"attributes.{key}"] = [str(error)]
            continue
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged


def delete_contacts(*, workspace: Workspace, contact_ids: Iterable[int]) -> int:
    """Delete contacts with everything that points at them and return how many there were; a tombstone of each stays.

    Batches of DELETE_BATCH, each a transaction of its own. Suppressions of the addresses stay.
    """
    deleted = 0
    for batch in itertools.batched(contact_ids, DELETE_BATCH):
        deleted += _delete_batch(workspace, batch)
    return deleted


@transaction.atomic
def _delete_batch(workspace: Workspace, contact_ids: Collection[int]) -> int:
    # Locked in the order of their ids, like every set-based update of contacts.
    rows = Contact.objects.filter(workspace=workspace, pk__in=contact_ids).order_by("pk").select_for_update()
    ids = list(rows.values_list("pk", flat=True))
    if not ids:
        return 0
    bus.announce(ContactsDeleted(workspace.pk, tuple(ids)))
    tombstones.bury(workspace_id=workspace.pk, contact_ids=ids, now=clock.now())
    Contact.objects.filter(pk__in=ids).delete()
    return len(ids)
