"""What replies do to ways.  Whoever reads the inbox calls `note_reply`, once it has told what kind of reply it is."""

from datetime import date, datetime
from enum import StrEnum

from django.db import connection, transaction

from contacts import selectors as contacts
from contacts.models import Contact
from delivery import services as delivery
from delivery.models import MessageState
from sequences.away import back_at
from sequences.engine.questions import local_clocks
from sequences.free_mail import is_free_mail
from sequences.models import OPEN_STATES, EnrolmentState, Sequence
from sequences.services import waking
from sequences.services.enrolments import wake_by_messages
from sequences.services.stopping import stop_enrolments


class ReplyKind(StrEnum):
    """A reply of a human; one that can't be told; from somebody who is away; any other that a machine wrote."""

    HUMAN = "human"
    UNCLEAR = "unclear"
    OUT_OF_OFFICE = "out_of_office"
    AUTOMATIC = "automatic"


@transaction.atomic
def note_reply(
    *,
    workspace_id: int,
    contact_id: int,
    kind: ReplyKind,
    received_at: datetime,
    message_id: int | None = None,
    returns_on: date | None = None,
) -> int:
    """Act on a reply of a contact, to `message_id` if that is known; return how many ways it ended or put off.

    A human's (or one that can't be told) ends the contact's ways through all cold sequences, and those of everybody at the same
    company where the sequence says so. Out of office puts their emails off, until the business day after `returns_on`
    or for 14 days. Any other changes nothing. Twice is harmless.
    """
    match kind:
        case ReplyKind.HUMAN | ReplyKind.UNCLEAR:
            if message_id is not None:
                delivery.record_reply(workspace_id=workspace_id, message_id=message_id, at=received_at)
            ended = _stop(workspace_id, contact_id, received_at)
            if message_id is not None and wake_by_messages([message_id]):
                waking.wake_engine()
            return ended
        case ReplyKind.OUT_OF_OFFICE:
            return _put_off(workspace_id, contact_id, received_at, message_id, returns_on)
        case ReplyKind.AUTOMATIC:
            return 0


def _stop(workspace_id: int, contact_id: int, at: datetime) -> int:
    cold = (Sequence.OnReply.STOP, Sequence.OnReply.STOP_DOMAIN)
    ids = _ways(workspace_id, [contact_id], cold, at)
    ids += _ways(workspace_id, _colleagues(workspace_id, contact_id), (Sequence.OnReply.STOP_DOMAIN,), at)
    return stop_enrolments(enrolment_ids=sorted(set(ids)), reason="replied") if ids else 0


def _colleagues(workspace_id: int, contact_id: int) -> list[int]:
    """Return the contacts at the same company's domain; none at a provider's."""
    email = Contact.objects.filter(workspace=workspace_id, pk=contact_id).values_list("email_key", flat=True).first()
    domain = (email or "").rpartition("@")[2]
    return [] if not domain or is_free_mail(domain) else contacts.contact_ids_at(workspace_id, domain)


def _ways(workspace_id: int, contact_ids: list[int], on_reply: tuple[str, ...], at: datetime) -> list[int]:
    """Return the open ways of contacts that had begun by then, and the complete ones whose last email waits yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id FROM sequences_enrolment e JOIN sequences_sequence s ON s.id = e.sequence_id
            WHERE e.contact_id = ANY (%s) AND s.workspace_id = %s AND s.on_reply = ANY (%s) AND e.enrolled_at <= %s
                AND (e.state = ANY (%s) OR e.state = %s AND EXISTS (
                    SELECT FROM delivery_message m
                    WHERE m.contact_id = e.contact_id AND m.state = ANY (%s) AND m.key LIKE 'e' || e.id || ':%%'))
            """,
            [
                contact_ids, workspace_id, list(on_reply), at, list(OPEN_STATES), EnrolmentState.COMPLETED,
                [MessageState.QUEUED, MessageState.DEFERRED],
            ],
        )  # fmt: skip
        return [pk for (pk,) in cursor.fetchall()]


def _put_off(
    workspace_id: int, contact_id: int, received_at: datetime, message_id: int | None, returns_on: date | None
) -> int:
    """Let no email of a cold sequence, or of the one that was replied to, go before the contact is back."""
    clocks = local_clocks([contact_id])
    if contact_id not in clocks:
        return 0
    until = back_at(received_at, returns_on, clocks[contact_id].zone)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH away AS (
                SELECT e.id FROM sequences_enrolment e JOIN sequences_sequence s ON s.id = e.sequence_id
                WHERE e.contact_id = %(contact)s AND s.workspace_id = %(workspace)s AND e.state = ANY (%(open)s)
                    AND (s.on_reply <> 'go_on' OR e.id = (
                        SELECT substring(m.key FROM '^e(\\d+):')::bigint FROM delivery_message m
                        WHERE m.id = %(message)s AND m.workspace_id = %(workspace)s))
                ORDER BY e.id FOR UPDATE OF e
            )
            UPDATE sequences_enrolment e SET away_until = greatest(e.away_until, %(until)s) FROM away WHERE e.id = away.id
            """,
            {
                "contact": contact_id,
                "workspace": workspace_id,
                "open": list(OPEN_STATES),
                "message": message_id,
                "until": until,
            },
        )
        return int(cursor.rowcount)
