"""Replies to messages, as whoever reads the inbox tells of them."""

from datetime import datetime

from django.db import transaction

from delivery import responses
from delivery.counters import Tally
from delivery.models import Message
from delivery.responses import Changed, Sent


@transaction.atomic
def record_reply(*, workspace_id: int, message_id: int, at: datetime) -> bool:
    """Note when a human first replied to a message; return whether it was the first reply."""
    messages = Message.objects.select_for_update(no_key=True).filter(workspace=workspace_id, pk=message_id)
    message = messages.filter(replied_at=None).first()
    if message is None:
        return False
    Message.objects.filter(pk=message_id).update(replied_at=at)
    tally = Tally()
    responses.count_change(tally, [Changed(Sent.of(message), None, at)], "replied_at")
    tally.write()
    return True
