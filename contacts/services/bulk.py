"""What is done to many contacts at once: those ticked, or all that a search finds."""

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from contacts import selectors
from contacts.models import Contact, List, SuppressionReason
from contacts.selectors import ContactFilter
from contacts.services.contacts import delete_contacts
from contacts.services.lists import insert_members, remove_members
from contacts.services.suppressions import suppress_keys
from core import clock
from team.models import Workspace

BATCH = 5000


EVERYBODY = ContactFilter()


@dataclass(frozen=True, slots=True)
class Selection:
    """Contacts of a workspace: those with these ids, or, without ids, all that fit the filter."""

    workspace: Workspace
    ids: Collection[int] | None = None
    criteria: ContactFilter = EVERYBODY

    @property
    def contacts(self) -> QuerySet[Contact]:
        """The selected contacts."""
        if self.ids is not None:
            return selectors.contacts_in(self.workspace).filter(pk__in=self.ids)
        return selectors.find_contacts(self.workspace, self.criteria)

    def batches(self) -> Iterator[tuple[int, ...]]:
        """Yield the ids, BATCH at a time, streamed from the server as they were when it began."""
        ids = self.contacts.order_by("pk").values_list("pk", flat=True)
        yield from itertools.batched(ids.iterator(chunk_size=BATCH), BATCH)


def add_selection_to_list(selection: Selection, list_: List) -> int:
    """Put the contacts into a list, a batch a transaction; return how many weren't in it."""
    now = clock.now()
    added = 0
    for ids in selection.batches():
        with transaction.atomic():
            added += insert_members(list_id=list_.pk, contact_ids=ids, now=now)
    return added


def remove_selection_from_list(selection: Selection, list_: List) -> int:
    """Take the contacts out of a list, a batch a transaction; return how many were in it."""
    return sum(remove_members(list_=list_, contact_ids=ids) for ids in selection.batches())


def suppress_selection(selection: Selection, *, detail: str = "") -> int:
    """Let the contacts' addresses get no more mail, a batch a transaction; return how many were allowed to."""
    suppressed = 0
    for ids in selection.batches():
        keys = selectors.contacts_in(selection.workspace).filter(pk__in=ids).values_list("email_key", flat=True)
        with transaction.atomic():
            suppressed += suppress_keys(
                workspace_id=selection.workspace.pk,
                keys=list(keys),
                reason=SuppressionReason.MANUAL,
                detail=detail,
            )
    return suppressed


def delete_selection(selection: Selection) -> int:
    """Delete the contacts, a batch a transaction; return how many there were."""
    ids = itertools.chain.from_iterable(selection.batches())
    return delete_contacts(workspace=selection.workspace, contact_ids=ids)
