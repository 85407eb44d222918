"""How a workspace's mail is going out right now: read live, at the cost of what is open and not of what was sent."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from delivery import reasons
from delivery.backlog import Waiting, backlog, overdue_seconds
from delivery.models import Mailbox
from delivery.pacing.forecast import clears_at
from delivery.pacing.history import ramp_of, today_of, zone_of_mailbox
from delivery.pacing.limits import MINUTE
from delivery.pacing.opening import interval_of_mailbox
from delivery.pacing.status import rates_of
from team.models import Workspace

# Waiting for these ends by itself and soon, so a forecast makes sense.
_MOVING = frozenset(
    {reasons.SENDING, reasons.IN_LINE, reasons.MAILBOX_RATE, reasons.MAILBOX_CAP, reasons.WARM_UP, reasons.THROTTLED}
)


@dataclass(frozen=True, slots=True)
class Hold:
    """Messages that wait for the same reason; `code` and `sentence` say which, `due_at` when the first of them is due."""

    code: str
    sentence: str
    messages: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class MailboxState:
    """One mailbox at work: `limit` is what its limits allow a minute (None: any number), `holds` its reasons, largest first.

    `clears_at` is when all that is due will have left, None if that can't be told.
    """

    mailbox: Mailbox
    per_minute: int
    limit: int | None
    waiting: int
    holds: Sequence[Hold]
    clears_at: datetime | None


@dataclass(frozen=True, slots=True)
class MailingState:
    """One mailing on its way."""

    mailing_id: int
    waiting: int
    holds: Sequence[Hold]
    clears_at: datetime | None


@dataclass(frozen=True, slots=True)
class SendingState:
    """A workspace's sending at one moment; `overdue` is for how many seconds the oldest free message has been due."""

    per_minute: int
    in_flight: int
    waiting: int
    overdue: float
    holds: Sequence[Hold]
    mailboxes: Sequence[MailboxState]
    mailings: Sequence[MailingState]

    @property
    def is_moving(self) -> bool:
        """Whether the page should look again soon."""
        return self.waiting > 0 or self.per_minute > 0


def sending_state(workspace: Workspace, *, now: datetime) -> SendingState:
    """Return how the workspace's mail is going out; five queries, and two for each mailbox with a limit a day."""
    waiting = backlog(now=now, workspace_id=workspace.pk)
    mailboxes = list(Mailbox.objects.filter(workspace=workspace, archived_at=None).select_related("workspace"))
    rates = rates_of([mailbox.pk for mailbox in mailboxes], now=now)
    by_mailbox: dict[int, list[Waiting]] = defaultdict(list)
    by_mailing: dict[int, list[Waiting]] = defaultdict(list)
    for one in waiting:
        by_mailbox[one.mailbox_id].append(one)
        by_mailing[one.mailing_id].append(one)
    states = [_mailbox_state(mailbox, by_mailbox[mailbox.pk], rates[mailbox.pk], now) for mailbox in mailboxes]
    clears = {state.mailbox.pk: state.clears_at for state in states}
    return SendingState(
        per_minute=sum(rates.values()),
        in_flight=_sum(one for one in waiting if one.code == reasons.SENDING),
        waiting=_sum(waiting),
        overdue=overdue_seconds(waiting, now=now),
        holds=_holds(waiting),
        mailboxes=sorted(states, key=lambda state: (-state.waiting, -state.per_minute, str(state.mailbox))),
        mailings=[_mailing_state(mailing, lines, clears) for mailing, lines in by_mailing.items()],
    )


def _mailbox_state(mailbox: Mailbox, waiting: Sequence[Waiting], rate: int, now: datetime) -> MailboxState:
    interval = interval_of_mailbox(mailbox)
    limit = MINUTE // interval if interval else None
    moving = _sum(one for one in waiting if one.code in _MOVING)
    end = None
    if moving:
        # Between two slots far apart nothing was sent in the last minute, yet the limit tells the speed.
        speed = rate or limit or 0
        today = today_of(mailbox, now=now)
        end = clears_at(
            moving,
            now=now,
            per_minute=speed,
            today=today,
            per_day=mailbox.per_day,
            ramp=ramp_of(mailbox),
            zone=zone_of_mailbox(mailbox),
        )
    return MailboxState(mailbox, rate, limit, _sum(waiting), _holds(waiting), end)


def _mailing_state(mailing_id: int, waiting: Sequence[Waiting], clears: dict[int, datetime | None]) -> MailingState:
    ends = [clears.get(one.mailbox_id) for one in waiting]
    known = [end for end in ends if end is not None]
    whole = len(known) == len(ends) and all(one.code in _MOVING for one in waiting)
    return MailingState(mailing_id, _sum(waiting), _holds(waiting), max(known) if whole and known else None)


def _holds(waiting: Sequence[Waiting]) -> list[Hold]:
    by_code: dict[str, list[Waiting]] = defaultdict(list)
    for one in waiting:
        by_code[one.code].append(one)
    holds = [
        Hold(code, reasons.sentence(code), _sum(lines), min(one.due_at for one in lines))
        for code, lines in by_code.items()
    ]
    return sorted(holds, key=lambda hold: -hold.messages)


def _sum(waiting: Iterable[Waiting]) -> int:
    return sum(one.messages for one in waiting)
