"""The workspace's sending rules: quiet hours and frequency caps."""

from datetime import time

from django.db import transaction

from core import clock
from core.exceptions import InvalidInput
from delivery import reasons
from delivery.models import Batch, SendingRules
from delivery.services.mailings import wake_workers
from team.models import Workspace

MOST_DAYS = 90
MOST_MESSAGES = 1000
# What waits for the workspace's rules alone.
_RULED = (reasons.QUIET_HOURS, reasons.FREQUENCY_CAP)


@transaction.atomic
def set_sending_rules(
    *,
    workspace: Workspace,
    quiet_from: time | None = None,
    quiet_until: time | None = None,
    most_messages: int | None = None,
    most_days: int = 7,
) -> SendingRules:
    """Replace the workspace's rules; what waits for the old ones asks again.  Raises InvalidInput."""
    errors: dict[str, list[str]] = {}
    if (quiet_from is None) != (quiet_until is None):
        errors["quiet_until" if quiet_until is None else "quiet_from"] = ["Give both ends of the quiet hours, or none."]
    if quiet_from is not None and quiet_from == quiet_until:
        errors["quiet_until"] = ["Quiet hours can't last the whole day: nothing would ever be sent."]
    if most_messages is not None and not 1 <= most_messages <= MOST_MESSAGES:
        errors["most_messages"] = [f"Give a number from 1 to {MOST_MESSAGES:,}, or nothing: no limit."]
    if not 1 <= most_days <= MOST_DAYS:
        errors["most_days"] = [f"Give a number from 1 to {MOST_DAYS}."]
    if errors:
        raise InvalidInput("The rules can't be used as they are.", fields=errors)
    rules, _ = SendingRules.objects.update_or_create(
        workspace=workspace,
        defaults={
            "quiet_from": quiet_from,
            "quiet_until": quiet_until,
            "most_messages": most_messages,
            "most_days": most_days,
        },
    )
    now = clock.now()
    waiting = Batch.objects.filter(mailing__workspace=workspace, due_at__gt=now, reason__in=_RULED)
    if waiting.filter(state__in=(Batch.State.QUEUED, Batch.State.HELD)).update(due_at=now):
        transaction.on_commit(wake_workers)
    return rules
