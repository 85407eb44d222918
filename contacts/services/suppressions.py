"""Suppression and consent: which addresses get no more mail, and why."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection, transaction

from contacts.addresses import BadAddressError, check_address, email_key
from contacts.events import AddressesSuppressed
from contacts.exceptions import InvalidContact
from contacts.models import Contact, DeletedContact, Suppression, SuppressionReason
from core import bus, clock
from core.exceptions import InvalidInput

BATCH = 5000
MAX_DETAIL = 1000

# A stronger reason replaces a weaker one: a person's own will counts more than a bounce.
STRENGTH = {
    SuppressionReason.IMPORTED: 0,
    SuppressionReason.MANUAL: 1,
    SuppressionReason.BOUNCED: 2,
    SuppressionReason.UNSUBSCRIBED: 3,
    SuppressionReason.COMPLAINED: 4,
}


@dataclass(slots=True)
class Suppressed:
    """What came of suppressing many: how many are new, how many were suppressed already, and what is no address."""

    added: int = 0
    already: int = 0
    invalid: list[str] = field(default_factory=list)


@transaction.atomic
def suppress(*, workspace_id: int, email: str, reason: str, detail: str = "") -> bool:
    """Let an address get no more mail; return whether it was allowed to before.

    Raises InvalidContact for what is no address, InvalidInput for an unknown reason.
    """
    try:
        key = email_key(check_address(email))
    except BadAddressError as error:
        raise InvalidContact(str(error), fields={"email": [str(error)]}) from error
    return suppress_keys(workspace_id=workspace_id, keys=[key], reason=reason, detail=detail) == 1


def suppress_many(*, workspace_id: int, emails: Iterable[str], reason: str, detail: str = "") -> Suppressed:
    """Suppress many addresses, a batch a transaction; what is no address is returned, not refused."""
    result = Suppressed()
    keys: dict[str, None] = {}
    for email in emails:
        try:
            keys[email_key(check_address(email))] = None
        except BadAddressError:
            result.invalid.append(email)
    for batch in itertools.batched(keys, BATCH):
        with transaction.atomic():
            added = suppress_keys(workspace_id=workspace_id, keys=batch, reason=reason, detail=detail)
        result.added += added
        result.already += len(batch) - added
    return result


def suppress_keys(*, workspace_id: int, keys: Iterable[str], reason: str, detail: str = "") -> int:
    """Suppress addresses by their keys, in the caller's transaction; return how many are new.

    A stronger reason replaces a weaker one. Announces the new ones.
    """
    if reason not in SuppressionReason.values:
        message = f"The reason must be one of {', '.join(SuppressionReason.values)}."
        raise InvalidInput(message, fields={"reason": [message]})
    weaker = [each.value for each, strength in STRENGTH.items() if strength < STRENGTH[SuppressionReason(reason)]]
    with connection.cursor() as cursor:
        # xmax is 0 on a row that this statement has inserted, and its transaction on one that it has updated.
        cursor.execute(
            """
            INSERT INTO contacts_suppression AS s (workspace_id, email_key, reason, detail, created_at)
            SELECT %(workspace)s, key, %(reason)s, %(detail)s, %(now)s FROM unnest(%(keys)s::text[]) AS key ORDER BY key
            ON CONFLICT (workspace_id, email_key) DO UPDATE SET reason = excluded.reason, detail = excluded.detail
            WHERE s.reason = ANY (%(weaker)s)
            RETURNING email_key, xmax = 0
            """,
            {
                "workspace": workspace_id,
                "keys": sorted(set(keys)),
                "reason": str(reason),
                "detail": detail[:MAX_DETAIL].replace("\x00", ""),
                "now": clock.now(),
                "weaker": weaker,
            },
        )
        added = tuple(key for key, is_new in cursor.fetchall() if is_new)
    if added:
        bus.announce(AddressesSuppressed(workspace_id, added, str(reason)))
    return len(added)


def lift_suppression(*, workspace_id: int, email: str) -> bool:
    """Let an address get mail again; return whether it was suppressed."""
    deleted, _ = Suppression.objects.filter(workspace_id=workspace_id, email_key=email_key(email.strip())).delete()
    return deleted > 0


@transaction.atomic
def unsubscribe_contact(*, workspace_id: int, contact_id: int, detail: str = "") -> bool:
    """Suppress the address of a contact that has unsubscribed; return whether this is news.

    Works for a deleted contact too: its successor's address is suppressed, or, while nobody has the address, the tombstone
    remembers it until somebody does. False for a contact that never was.
    """
    found = Contact.objects.filter(workspace_id=workspace_id, pk=contact_id).values_list("email_key", flat=True).first()
    if found is None:
        tombstone = DeletedContact.objects.filter(workspace_id=workspace_id, pk=contact_id).first()
        if tombstone is None:
            return False
        same = DeletedContact.objects.filter(workspace_id=workspace_id, email_hash=tombstone.email_hash)
        news = same.filter(unsubscribed_at=None).update(unsubscribed_at=clock.now()) > 0
        successors = same.exclude(successor_id=None).values("successor_id")
        keys = list(
            Contact.objects.filter(workspace_id=workspace_id, pk__in=successors).values_list("email_key", flat=True)
        )
        if not keys:
            return news
        found = keys[0]
    added = suppress_keys(workspace_id=workspace_id, keys=[found], reason=SuppressionReason.UNSUBSCRIBED, detail=detail)
    return added == 1
