"""When mail that is not queued yet would have left, mailbox by mailbox: asked before a launch."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from delivery import reasons
from delivery.models import Mailbox, SendingRules
from delivery.pacing.days import zone_of
from delivery.pacing.forecast import Spans, clears_at
from delivery.pacing.history import ramp_of, today_of, waiting_by_mailbox, zone_of_mailbox
from delivery.pacing.limits import MINUTE
from delivery.pacing.opening import interval_of_mailbox
from delivery.pacing.windows import Hours, Window, open_spans
from team.models import Workspace

# What a server without a limit is taken to accept in a minute: far less than a worker sends.
_UNLIMITED = 60_000


@dataclass(frozen=True, slots=True)
class Outlook:
    """A mailbox's share of mail to come: `leaves_at` is when the last of it has left (None: not within a year).

    `reason` is the code of what it waits for most: its warm-up, its limit a day, its speed, or the sending hours.
    """

    mailbox: Mailbox
    messages: int
    leaves_at: datetime | None
    reason: str

    @property
    def held_by(self) -> str:
        """The reason in words that end a sentence."""
        return _WORDS[self.reason]


_WORDS = {
    reasons.WARM_UP: "its warm-up",
    reasons.MAILBOX_CAP: "its limit a day",
    reasons.MAILBOX_RATE: "its speed limit",
    reasons.WINDOW: "the sending hours",
}


def outlooks(
    workspace: Workspace, shares: Mapping[int, int], *, starts_at: datetime, window: Mapping[str, Any]
) -> list[Outlook]:
    """Return the outlook of each active mailbox for its share of messages, behind what waits in its line already.

    `window` is the stored form of the sending hours; they and the quiet hours are taken by the workspace's clock, although
    each recipient's own will count. About four queries a mailbox.
    """
    found = Mailbox.objects.filter(workspace=workspace, pk__in=shares, status=Mailbox.Status.ACTIVE, archived_at=None)
    waiting = waiting_by_mailbox(list(shares))
    spans = _spans_of(workspace, window)
    return [
        _outlook(mailbox, shares[mailbox.pk], waiting.get(mailbox.pk, 0), starts_at, spans)
        for mailbox in found.select_related("workspace").order_by("pk")
    ]


def _outlook(mailbox: Mailbox, messages: int, waiting: int, starts_at: datetime, spans: Spans) -> Outlook:
    today = today_of(mailbox, now=starts_at)
    interval = interval_of_mailbox(mailbox)
    leaves_at = clears_at(
        waiting + messages,
        now=starts_at,
        per_minute=MINUTE / interval if interval else _UNLIMITED,
        today=today,
        per_day=mailbox.per_day,
        ramp=ramp_of(mailbox),
        zone=zone_of_mailbox(mailbox),
        spans=spans,
    )
    if today.left is not None and waiting + messages > today.left:
        reason = today.reason
    else:
        reason = reasons.MAILBOX_RATE if interval else reasons.WINDOW
    return Outlook(mailbox, messages, leaves_at, reason)


def _spans_of(workspace: Workspace, window: Mapping[str, Any]) -> Spans:
    rules = SendingRules.objects.filter(workspace=workspace).first()
    quiet = None
    if rules is not None and rules.quiet_from is not None and rules.quiet_until is not None:
        quiet = Hours(rules.quiet_from, rules.quiet_until)
    return partial(open_spans, zone=zone_of(workspace.time_zone), window=Window.of(window), quiet=quiet)
