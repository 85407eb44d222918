"""Warm-up: how many messages a new mailbox may send on each of its days.

A pure plan. A day's step follows from the last day on which the mailbox sent: one up, or one down if that day went badly; days
without mail don't count, so a mailbox that rested goes on where it was.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

# As the guards see it (delivery.pacing.guards), but with so few messages that one stray bounce must not decide.
BAD_BOUNCE_RATE: Final = 0.03
BAD_BOUNCES: Final = 2
BAD_COMPLAINT_RATE: Final = 0.003
# No ramp is planned further than this; at 1 % a day it multiplies by twenty thousand.
_MOST_STEPS: Final = 1000


class GrowthUnit(StrEnum):
    """How a step is counted."""

    MESSAGES = "messages"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class Ramp:
    """Start with `start` messages a day, grow by `growth` (messages or percent) with each step, up to `target`."""

    start: int
    growth: int
    unit: GrowthUnit
    target: int

    def cap(self, step: int) -> int:
        """Return the messages allowed on a day of this step (the first is 0); percentages grow by at least one message."""
        if self.unit is GrowthUnit.MESSAGES:
            return min(self.start + step * self.growth, self.target)
        cap = self.start
        for _ in range(step):
            if cap >= self.target:
                break
            cap = max(cap * (100 + self.growth) // 100, cap + 1)
        return min(cap, self.target)

    @property
    def last_step(self) -> int:
        """The step at which the target is reached."""
        step = 0
        while self.cap(step) < self.target and step < _MOST_STEPS:
            step += 1
        return step


class SentDay(NamedTuple):
    """A day on which the mailbox sent: its step (None: it wasn't ramping) and what came of it."""

    step: int | None
    sent: int
    bounced: int
    complained: int

    @property
    def went_badly(self) -> bool:
        """Whether bounces or complaints passed the guard."""
        if not self.sent:
            return False
        bounces = self.bounced >= BAD_BOUNCES and self.bounced >= BAD_BOUNCE_RATE * self.sent
        return bounces or (self.complained > 0 and self.complained >= BAD_COMPLAINT_RATE * self.sent)


def next_step(ramp: Ramp, last: SentDay | None) -> int:
    """Return today's step after the last day on which the mailbox sent, None if it has never (while ramping)."""
    if last is None or last.step is None:
        return 0
    step = last.step - 1 if last.went_badly else last.step + 1
    return min(max(step, 0), ramp.last_step)


@dataclass(frozen=True, slots=True)
class RampPreset:
    """A ramp for people who don't want to think about one."""

    key: str
    label: str
    ramp: Ramp
    note: str


PRESETS: Final[tuple[RampPreset, ...]] = (
    RampPreset(
        "conservative",
        "Conservative",
        Ramp(20, 10, GrowthUnit.PERCENT, 1_000),
        "20 on the first day, then 10 % more each day, up to 1,000",
    ),
    RampPreset(
        "normal",
        "Normal",
        Ramp(50, 20, GrowthUnit.PERCENT, 5_000),
        "50 on the first day, then 20 % more each day, up to 5,000",
    ),
    RampPreset(
        "fast",
        "Fast",
        Ramp(200, 50, GrowthUnit.PERCENT, 50_000),
        "200 on the first day, then 50 % more each day, up to 50,000",
    ),
)


def preset_named(key: str) -> RampPreset | None:
    """Return the preset with this key, if there is one."""
    return next((preset for preset in PRESETS if preset.key == key), None)
