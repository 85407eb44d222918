"""Who gets a campaign: counted, and streamed in the order of the contacts' ids."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from campaigns.callers import Callers, callers_of
from campaigns.holdouts import NOBODY, Holdout, holdout_of
from campaigns.models import Campaign, Kind, Trigger
from contacts.selectors import audience_query
from core import clock


@dataclass(frozen=True, slots=True)
class Audience:
    """In any of the lists or segments, and in none of the excluded ones; who is held out of it gets nothing."""

    workspace_id: int
    list_ids: tuple[int, ...] = ()
    segment_ids: tuple[int, ...] = ()
    excluded_list_ids: tuple[int, ...] = ()
    excluded_segment_ids: tuple[int, ...] = ()
    holdout: Holdout = NOBODY

    @property
    def is_chosen(self) -> bool:
        return bool(self.list_ids or self.segment_ids)

    def query(self) -> tuple[str, list[Any]]:
        """Return one SELECT of contact ids with its parameters.  Raises InvalidSegment when a segment is broken."""
        return audience_query(
            workspace_id=self.workspace_id,
            list_ids=self.list_ids,
            segment_ids=self.segment_ids,
            excluded_list_ids=self.excluded_list_ids,
            excluded_segment_ids=self.excluded_segment_ids,
        )


@dataclass(frozen=True, slots=True)
class Size:
    """How many contacts an audience has; the suppressed among them get nothing, nor do the held out among the others."""

    total: int = 0
    suppressed: int = 0
    held_out: int = 0

    @property
    def recipients(self) -> int:
        return self.total - self.suppressed - self.held_out


def audience_of(campaign: Campaign) -> Audience:
    """Return the campaign's audience (four queries, none when prefetched, and two for who is held out).

    That of a triggered campaign are those who are in its list or segment at the start, if they are to enter; who of them is
    held out is asked when they enter.
    """
    if campaign.kind == Kind.TRIGGERED:
        return _standing(Trigger.objects.get(campaign=campaign))
    return Audience(
        workspace_id=campaign.workspace_id,
        list_ids=tuple(sorted(item.pk for item in campaign.lists.all())),
        segment_ids=tuple(sorted(item.pk for item in campaign.segments.all())),
        excluded_list_ids=tuple(sorted(item.pk for item in campaign.excluded_lists.all())),
        excluded_segment_ids=tuple(sorted(item.pk for item in campaign.excluded_segments.all())),
        holdout=holdout_of(campaign, at=campaign.launched_at),
    )


def _standing(trigger: Trigger) -> Audience:
    if not trigger.include_current:
        return Audience(trigger.workspace_id)
    return Audience(
        trigger.workspace_id,
        list_ids=(trigger.list_id,) if trigger.list_id else (),
        segment_ids=(trigger.segment_id,) if trigger.segment_id else (),
    )


def reach_of(campaign: Campaign) -> Audience | Callers:
    """Return whom the campaign goes to; for a triggered one whom it would have called of late, as nobody knows who comes."""
    return callers_of(campaign, now=clock.now()) if campaign.kind == Kind.TRIGGERED else audience_of(campaign)


def measure(audience: Audience | Callers) -> Size:
    """Count the audience, the suppressed and the held out in it, in one pass."""
    if not audience.is_chosen:
        return Size()
    sql, params = audience.query()
    held_out, drawn = audience.holdout.condition()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT count(*), count(s.id), count(*) FILTER (WHERE s.id IS NULL AND {held_out}) FROM ({sql}) audience
            JOIN contacts_contact c ON c.id = audience.id
            LEFT JOIN contacts_suppression s ON s.workspace_id = c.workspace_id AND s.email_key = c.email_key
            """,  # noqa: S608 - compiled by contacts, values are parameters
            [*drawn, *params],
        )
        total, suppressed, held = cursor.fetchone()
    return Size(total, suppressed, held)


def size_of(campaign: Campaign) -> Size:
    """Count the campaign's reach now.  Raises InvalidSegment when a segment is broken."""
    return measure(reach_of(campaign))


def stream(audience: Audience | Callers, *, after: int = 0, size: int, first: int | None = None) -> Iterator[list[int]]:
    """Yield the ids of the recipients (without who is suppressed or held out) above `after`, ascending: `first`, then `size` at a time.

    The question is asked once: the server keeps the answer (8 bytes a contact, on its disk) while the caller commits
    between the chunks, so the audience is that of one moment, memory stays flat and no transaction stays open.
    """
    if not audience.is_chosen:
        return
    sql, params = audience.query()
    held_out, drawn = audience.holdout.condition()
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"""
            SELECT c.id FROM ({sql}) audience JOIN contacts_contact c ON c.id = audience.id
            WHERE c.id > %s AND NOT EXISTS (
                SELECT FROM contacts_suppression s WHERE s.workspace_id = c.workspace_id AND s.email_key = c.email_key)
                AND NOT {held_out}
            ORDER BY c.id
            """,  # noqa: S608 - as above
            [*params, after, *drawn],
        )
        at_once = first or size
        while rows := cursor.fetchmany(at_once):
            at_once = size
            yield [contact_id for (contact_id,) in rows]
