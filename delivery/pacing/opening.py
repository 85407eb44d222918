"""How a batch's gate is set up: which limits hold for it, and what its bucket starts from."""

from dataclasses import dataclass
from datetime import timedelta

from core import clock
from delivery import claims, reasons
from delivery.models import Mailbox, Mailing
from delivery.pacing.buckets import Bucket, Seed
from delivery.pacing.gate import LOOKAHEAD, Gate, Surroundings, Wait, micros
from delivery.pacing.history import Today, open_day, today_of, under_way
from delivery.pacing.limits import SECOND, interval_of

# With fewer µs between messages than this one worker's pauses between turns would cost slots: several may send at once.
_ONE_IS_ENOUGH = 50_000
# A worker extends its lease every two seconds; one that was silent for longer doesn't keep others away.
_ALIVE_SECONDS = 10
_TURN_SECONDS = 3


def interval_of_mailbox(mailbox: Mailbox) -> int:
    """Return the microseconds between two messages of the mailbox; 0: no limit."""
    return interval_of(per_second=mailbox.per_second, per_minute=mailbox.per_minute)


def is_limited(mailbox: Mailbox) -> bool:
    """Return whether anything limits how much the mailbox sends."""
    return bool(mailbox.per_second or mailbox.per_minute or mailbox.per_day or mailbox.ramp_start is not None)


def gate_of(mailbox: Mailbox, mailing: Mailing, *, batch_id: int, deadline: float) -> Gate | None:
    """Return the gate for one batch's trip, or None: the mailbox has no limits and costs nothing here.

    `deadline` is in monotonic seconds. A test waits for its slot like any mail, but not for tomorrow.
    """
    if not is_limited(mailbox):
        return None
    now = clock.now()
    capped = mailbox.per_day is not None or mailbox.ramp_start is not None
    today, begins = open_day(mailbox, now=now) if capped else (today_of(mailbox, now=now), False)
    interval = interval_of_mailbox(mailbox)
    around = _Around(mailbox.pk, batch_id, interval, today)
    gate = Gate(
        Bucket(str(mailbox.pk)),
        interval=interval,
        today=today,
        capped=capped and not mailing.is_test,
        around=Surroundings(around.seed, around.counted, around.others_are_due),
        deadline=deadline,
    )
    if begins and today.step is not None:
        # The day's few messages go to those who are most engaged among all who wait, not to this batch.
        gate.shut(Wait(now, reasons.WARM_UP, reorders=True))
    elif interval >= _ONE_IS_ENOUGH and not mailing.is_test:
        alive_until = now + claims.LEASE_TIME - timedelta(seconds=_ALIVE_SECONDS)
        if ahead := under_way(mailbox.pk, besides=batch_id, alive_until=alive_until):
            # Another worker sends this mailbox's mail as fast as is allowed; two would only take turns.
            gate.shut(Wait(now + timedelta(microseconds=ahead * interval), reasons.MAILBOX_RATE))
    return gate


@dataclass(frozen=True, slots=True)
class _Around:
    mailbox_id: int
    batch_id: int
    interval: int
    today: Today

    def others_are_due(self) -> bool:
        return claims.is_due(clock.now(), besides=self.mailbox_id)

    def counted(self, own: int) -> int | None:
        """Return how many have been sent today, if nobody else is sending right now."""
        if under_way(self.mailbox_id, besides=self.batch_id):
            return None
        return self.today.sent + own

    def seed(self, own: int) -> Seed:
        """Return what a bucket that Redis has forgotten starts from: never earlier or emptier than what may have happened.

        Others may have sent, or hold slots for, what is not recorded yet; it counts until the day's cap is reached and the
        truth is asked for.
        """
        now = micros(clock.now())
        others = under_way(self.mailbox_id, besides=self.batch_id)
        most = _TURN_SECONDS * SECOND // self.interval if self.interval else others
        last = micros(self.today.last_sent_at) + self.interval if self.today.last_sent_at else now
        if own or others:
            last = max(last, now + LOOKAHEAD + self.interval)
        return Seed(tat=max(last, now), used=self.today.sent + own + min(others, most))
