"""The gate before the wire: it lets one message at a time through, each at its own slot.

A worker asks the mailbox's bucket for the slots of the next second, so that a busy machine that wakes it late costs no slots;
what it can't use goes back when it leaves. It waits for a slot that is near; if the next one is further away, or someone else's mail is due
meanwhile, it gives the rest of the batch back with the moment of that slot, and the worker is free.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError

from core import clock
from delivery import reasons
from delivery.pacing.buckets import NO_CAP, Bucket, ForgottenError, Reserved, Seed
from delivery.pacing.history import Today
from delivery.pacing.limits import tolerance_of

# Slots are reserved so far ahead (µs), and one at least.
LOOKAHEAD = 1_000_000
# The longest interval's worth of messages that are made ready together (µs).
_MADE_AHEAD = 100_000
# A slot that is further away than this (µs) is not waited for.
PATIENCE = 250_000
# Without an interval only the day's cap is counted, in portions of so many.
_PORTION = 100
# How often a waiting worker asks whether someone else's mail is due, in µs.
_ASKED_EVERY = 100_000
_REDIS_PAUSE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Wait:
    """Why and until when the rest of a batch waits; `reorders`: a day of the warm-up has begun, so the line is put in order."""

    until: datetime
    reason: str
    reorders: bool = False


def micros(moment: datetime) -> int:
    """Return microseconds since 1970."""
    return round(moment.timestamp() * 1_000_000)


def moment(value: int) -> datetime:
    """Return the moment, in UTC, of microseconds since 1970, rounded up so that it is never too early."""
    return datetime.fromtimestamp(math.ceil(value / 1000) / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the gate asks of PostgreSQL, seldom.

    `seed(own)` starts a forgotten bucket, `counted(own)` is the day's true count, or None while others are sending too (`own`
    is what this trip has sent and not yet recorded), and `others_are_due` tells whether mail of other mailboxes waits.
    """

    seed: Callable[[int], Seed]
    counted: Callable[[int], int | None]
    others_are_due: Callable[[], bool]


class Gate:
    """One batch's way through the mailbox's limits; belongs to one trip."""

    def __init__(
        self,
        bucket: Bucket,
        *,
        interval: int,
        today: Today,
        capped: bool,
        around: Surroundings,
        deadline: float,
    ) -> None:
        self._bucket = bucket
        self._interval = interval
        self._tolerance = tolerance_of(interval)
        self._today = today
        self._cap = today.cap if capped and today.cap is not None else NO_CAP
        self._around = around
        self._deadline = deadline
        self._ends = micros(today.ends_at)
        self._first = 0
        self._left = 0
        self._missed = 0
        self._sent = 0
        self._asked_at = 0
        self._waits_since = 0
        self._others = False
        self.wait: Wait | None = None
        self.opens_at = 0.0

    @property
    def at_once(self) -> int:
        """About how many messages are worth making ready together."""
        return max(1, _MADE_AHEAD // self._interval) if self._interval else _PORTION

    def expected(self, seconds: float) -> int:
        """Return about how many messages can pass in so many seconds."""
        return max(1, int(seconds * 1_000_000) // self._interval) if self._interval else 1_000_000

    def take(self, wanted: int) -> bool:
        """Return whether the next message may start now; `wanted` is how many are left, it included.

        If not, `opens_at` (monotonic seconds) says when to ask again, or `wait` why this trip is over.
        """
        if self.wait is not None:
            return False
        now = micros(clock.now())
        if now >= self._ends:
            # A new day has begun, perhaps with another cap: the next trip knows.
            return self._close(self._today.ends_at, self._today.reason)
        self._drop_late(now)
        if not self._left and not self._reserve(now, wanted):
            return False
        if self._first > now:
            return self._later(now)
        self._first += self._interval
        self._left -= 1
        self._sent += 1
        self.opens_at = 0.0
        return True

    def opens(self, wanted: int) -> bool:
        """Return whether anything of `wanted` messages can pass in this trip; if not, `wait` says why."""
        if self.wait is None and not self._left:
            self._reserve(micros(clock.now()), wanted)
        return self.wait is None

    def shut(self, wait: Wait) -> None:
        """Let nothing pass in this trip."""
        self.wait = wait

    def close(self) -> None:
        """Give back what was reserved and not used; nothing passes any more."""
        unused, self._left = self._left, 0
        if not unused and not self._missed:
            return
        missed, self._missed = self._missed, 0
        try:
            self._bucket.give_back(
                first=self._first, count=unused, interval=self._interval, day=self._today.day, missed=missed
            )
        except RedisError:
            return

    def _drop_late(self, now: int) -> None:
        # A slot that was missed by more than an interval is lost: using it now would be a burst.
        if not self._interval or not self._left:
            return
        late = min(max((now - self._interval - self._first) // self._interval, 0), self._left)
        self._first += late * self._interval
        self._left -= late
        self._missed += late

    def _reserve(self, now: int, wanted: int) -> bool:
        turn = int((self._deadline - time.monotonic()) * 1_000_000)
        reach = 0 if self._asks_for_others(now) else max(min(LOOKAHEAD, turn), 0)
        want = min(wanted, self._portion)
        try:
            found = self._ask(now, want, reach)
            if found.full and (true := self._around.counted(self._sent)) is not None and true < found.used:
                self._bucket.correct(day=self._today.day, believed=found.used, used=true)
                found = self._ask(now, want, reach)
        except RedisError:
            return self._close(clock.now() + _REDIS_PAUSE, reasons.PACING_UNREACHABLE)
        if found.full:
            return self._close(self._today.ends_at, self._today.reason)
        if not found.slots:
            return self._close(moment(found.first), reasons.MAILBOX_RATE)
        self._first, self._left = (found.first if self._interval else now), found.slots
        return True

    @property
    def _portion(self) -> int:
        return max(1, LOOKAHEAD // self._interval) if self._interval else _PORTION

    def _ask(self, now: int, want: int, reach: int) -> Reserved:
        def reserve(seed: Seed | None) -> Reserved:
            return self._bucket.reserve(
                now=now,
                interval=self._interval,
                tolerance=self._tolerance,
                horizon=min(reach, PATIENCE),
                reach=reach,
                want=want,
                day=self._today.day,
                cap=self._cap,
                counted=self._today.sent + self._sent,
                seed=seed,
            )

        try:
            return reserve(None)
        except ForgottenError:
            return reserve(self._around.seed(self._sent))

    def _asks_for_others(self, now: int) -> bool:
        if now - self._asked_at >= _ASKED_EVERY or now < self._asked_at:
            self._asked_at, self._others = now, self._around.others_are_due()
        return self._others

    def _later(self, now: int) -> bool:
        if now == self._waits_since and time.monotonic() >= self.opens_at:
            # The clock stands still (a simulation): waiting is of no use.
            return self._close(moment(self._first), reasons.MAILBOX_RATE)
        self._waits_since = now
        self.opens_at = time.monotonic() + (self._first - now) / 1_000_000
        return False

    def _close(self, until: datetime, reason: str) -> bool:
        self.wait = Wait(until, reason)
        self.opens_at = 0.0
        return False
