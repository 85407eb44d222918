"""What is done to many contacts at once: those ticked, or all that a search finds."""

import itertools
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from contacts import selectors
from contacts.models import Contact, List, SuppressionReason
from contacts.selectors import ContactFilter
from contacts.services.contacts import delete_contacts
from contacts.services.lists import insert_members, remove_members
from contacts.services.suppressions import suppress_keys
from core import clock
from core.exceptions import InvalidInput
from team.models import Workspace
from team.services import acting_as

BATCH = 5000

# More than so many are a worker's job: a page must answer soon.
MOST_AT_ONCE = 5000


class Deed(StrEnum):
    """What can be done to a selection."""

    ADD = "add"
    REMOVE = "remove"
    SUPPRESS = "suppress"
    DELETE = "delete"


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


def _add(selection: Selection, list_: List) -> int:
    """Put the contacts into a list, a batch a transaction; return how many weren't in it."""
    now = clock.now()
    added = 0
    for ids in selection.batches():
        with transaction.atomic():
            added += insert_members(list_id=list_.pk, contact_ids=ids, now=now)
    return added


def _remove(selection: Selection, list_: List) -> int:
    """Take the contacts out of a list, a batch a transaction; return how many were in it."""
    return sum(remove_members(list_=list_, contact_ids=ids) for ids in selection.batches())


def _suppress(selection: Selection, *, detail: str = "") -> int:
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


def _delete(selection: Selection) -> int:
    """Delete the contacts, a batch a transaction; return how many there were."""
    ids = itertools.chain.from_iterable(selection.batches())
    return delete_contacts(workspace=selection.workspace, contact_ids=ids)


def carry_out(selection: Selection, deed: Deed, *, list_: List | None = None, detail: str = "") -> int:
    """Do it, a batch a transaction; return how many it changed.  Twice is harmless."""
    match deed:
        case Deed.ADD:
            return _add(selection, _needed(list_))
        case Deed.REMOVE:
            return _remove(selection, _needed(list_))
        case Deed.SUPPRESS:
            return _suppress(selection, detail=detail)
        case Deed.DELETE:
            return _delete(selection)


def changed_by(selection: Selection, deed: Deed, list_: List) -> list[int]:
    """Return which contacts adding to or removing from the list would change, for taking it back afterwards.

    None of them when they are more than MOST_AT_ONCE: those are a worker's job.
    """
    members = list_.contacts.values("pk")
    contacts = (
        selection.contacts.exclude(pk__in=members) if deed == Deed.ADD else selection.contacts.filter(pk__in=members)
    )
    ids = list(contacts.values_list("pk", flat=True)[: MOST_AT_ONCE + 1])
    return ids if len(ids) <= MOST_AT_ONCE else []


def carry_out_soon(
    selection: Selection, deed: Deed, *, list_: List | None = None, detail: str = "", actor: str = ""
) -> int | None:
    """Do it at once, or hand it to a worker when it is more than MOST_AT_ONCE; None says that it was handed over.

    `actor` is who the audit trail shall name for what the worker does. Raises InvalidInput without the list it needs.
    """
    if deed in {Deed.ADD, Deed.REMOVE}:
        _needed(list_)
    if selection.ids is not None or selection.contacts.count() <= MOST_AT_ONCE:
        return carry_out(selection, deed, list_=list_, detail=detail)
    from contacts.tasks import carry_out as task

    task.delay(
        workspace_id=selection.workspace.pk,
        deed=deed.value,
        criteria=asdict(selection.criteria),
        list_id=list_.pk if list_ else None,
        detail=detail,
        actor=actor,
    )
    return None


def _needed(list_: List | None) -> List:
    if list_ is None:
        raise InvalidInput("Choose a list.", fields={"list": ["Choose a list."]})
    return list_


def carry_out_later(
    *, workspace_id: int, deed: str, criteria: dict[str, Any], list_id: int | None, detail: str, actor: str
) -> int:
    """Do what `carry_out_soon` has handed over; return how many it changed."""
    workspace = Workspace.objects.get(pk=workspace_id)
    list_ = selectors.lists_in(workspace).filter(pk=list_id).first() if list_id else None
    with acting_as(actor):
        selection = Selection(workspace, criteria=ContactFilter(**criteria))
        return carry_out(selection, Deed(deed), list_=list_, detail=detail)
