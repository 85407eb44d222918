"""Looks at whether the campaign's mailboxes can send it in good time: their limits, warm-ups and hours against its size."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.checking.findings import Findings
from campaigns.models import Campaign
from campaigns.rotation import shares_of
from campaigns.selectors import mailboxes_of
from core import clock
from delivery import selectors as delivery

# Mail that takes longer than this to leave needs a yes; what takes longer than the second is told.
LATE = timedelta(days=1)
WORTH_TELLING = timedelta(hours=1)


def check_capacity(campaign: Campaign, recipients: int, findings: Findings) -> None:
    """Note when the last message of the (first) email will have left, if that is not soon."""
    pool = [mailbox.pk for mailbox in mailboxes_of(campaign)]
    if not recipients or not pool:
        return
    starts_at = max(campaign.send_at or clock.now(), clock.now())
    shares = shares_of(pool, recipients)
    found = delivery.outlooks(campaign.workspace, shares, starts_at=starts_at, window=campaign.window)
    if not found:
        return
    slowest = max(found, key=lambda one: (one.leaves_at is None, one.leaves_at or starts_at))
    leaves_at = slowest.leaves_at
    email = "the first email" if campaign.is_long else "the campaign"
    if leaves_at is not None and leaves_at - starts_at <= LATE:
        if leaves_at - starts_at > WORTH_TELLING:
            message = f"The last message of {email} leaves about {_moment(campaign, leaves_at)}. {_slowest(slowest)}"
            findings.add("sending_time", "info", message, section="sender", at=leaves_at)
        return
    ends = "not leave within a year" if leaves_at is None else f"leave on {_moment(campaign, leaves_at)}"
    message = (
        f"The mailboxes are too slow to send this within a day: the last message of {email} would {ends}."
        f" {_slowest(slowest)} Add a mailbox, raise its limits or choose fewer recipients."
    )
    findings.add("mailbox_capacity", "warning", message, section="sender", at=leaves_at)


def _slowest(outlook: delivery.Outlook) -> str:
    return f"{outlook.mailbox.from_email} has {outlook.messages:,} of them, held by {outlook.held_by}."


def _moment(campaign: Campaign, leaves_at: datetime) -> str:
    local = leaves_at.astimezone(ZoneInfo(campaign.workspace.time_zone))
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M}"
