"""Replies to messages, as whoever reads the inbox tells of them."""

from datetime import datetime

from delivery.models import Message


def record_reply(*, workspace_id: int, message_id: int, at: datetime) -> bool:
    """Note when a human first replied to a message; return whether it was the first reply."""
    messages = Message.objects.filter(workspace=workspace_id, pk=message_id, replied_at=None)
    return bool(messages.update(replied_at=at))
