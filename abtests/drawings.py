"""Where things stand in the charts of a test's results.

Across in per cent of the chart's width, so that a chart fits a phone and a desk with letters of the same size; down in pixels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from abtests.results import Results
from frontend.templatetags.formats import percent

_ROW: Final = 30
_TOP, _BOTTOM = 14, 186
_HIGHEST_Z: Final = 6.0
_LEFT, _RIGHT = 7.0, 97.0


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid and its label."""

    at: str
    label: str


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval with the rate in it; `x` and `width` are empty for a version of which nothing is known."""

    letter: str
    y: int
    x: str
    width: str
    middle: str
    css: str
    says: str

    @property
    def centre(self) -> int:
        """The middle of its row."""
        return self.y + _ROW // 2


@dataclass(frozen=True, slots=True)
class Intervals:
    """The versions' rates with their intervals."""

    height: int
    bars: list[Bar]
    ticks: list[Tick]

    @property
    def base(self) -> int:
        """Where the axis is."""
        return self.height - 22


@dataclass(frozen=True, slots=True)
class Spot:
    """A look on the chart of looks; `label` is what is said of it."""

    x: str
    y: str
    label: str
    css: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of a line."""

    x1: str
    y1: str
    x2: str
    y2: str
    css: str = ""


@dataclass(frozen=True, slots=True)
class Boundary:
    """How far ahead the leader was at each look, and how far it must be."""

    needed: list[Spot]
    needed_lines: list[Line]
    reached: list[Spot]
    reached_lines: list[Line]
    ticks: list[Tick]
    across: list[Tick]


def intervals(found: Results) -> Intervals | None:
    """Draw the rates; None as long as nobody counts."""
    shown = [arm for arm in found.arms if arm.counted.sent]
    if not shown:
        return None
    low, high = min(arm.interval.low for arm in shown), max(arm.interval.high for arm in shown)
    # What is hardly known would press the rest together.
    known = [arm for arm in shown if arm.interval.high - arm.interval.low < 0.9] or shown
    low, high = min(arm.interval.low for arm in known), max(arm.interval.high for arm in known)
    ticks = _ticks(low, high)
    start, end = ticks[0], ticks[-1]

    def across(rate: float) -> float:
        return 8 + 84 * (min(max(rate, start), end) - start) / (end - start)

    bars = []
    for row, arm in enumerate(found.arms):
        y = row * _ROW + 4
        if not arm.counted.sent:
            bars.append(Bar(arm.letter, y, "", "", "", "", f"{arm.letter}: nobody counts yet"))
            continue
        left, right = across(arm.interval.low), across(arm.interval.high)
        css = "won" if arm.is_winner or (arm.is_leader and not found.winner) else "blocked" if arm.is_blocked else ""
        says = f"{arm.letter}: {percent(arm.rate)}, with 95% between {percent(arm.interval.low)} and {percent(arm.interval.high)}"
        bars.append(Bar(arm.letter, y, _at(left), _at(max(right - left, 0.4)), _at(across(arm.rate or 0.0)), css, says))
    step = ticks[1] - ticks[0]
    labels = [Tick(_at(across(tick)), percent(tick, 0 if step >= 0.01 else 1)) for tick in ticks]
    return Intervals(len(found.arms) * _ROW + 30, bars, labels)


def boundary(found: Results) -> Boundary | None:
    """Draw the looks; None without one, and where nothing is to be proven."""
    looked = [look for look in found.looks if look.fraction is not None and look.z is not None]
    if found.is_bandit or not (looked or found.coming):
        return None
    needed = [(look.fraction or 0.0, look.boundary) for look in looked if look.boundary is not None]
    needed += [(look.fraction, look.boundary) for look in found.coming]
    top = min(max([2.5, *(z for _, z in needed), *(look.z or 0.0 for look in looked)]) * 1.08, _HIGHEST_Z)
    floor = min(0.0, *(look.z or 0.0 for look in looked)) if looked else 0.0

    def down(z: float) -> float:
        return _BOTTOM - (min(max(z, floor), top) - floor) / (top - floor) * (_BOTTOM - _TOP)

    must = [Spot(_across(x), _px(down(z)), f"{z:.2f} needed") for x, z in needed]
    # Several looks may stand where the same is known (nobody new had had their time).
    have = [
        Spot(
            _across(look.fraction or 0.0),
            _px(down(look.z or 0.0)),
            f"Look {look.look.number}: {look.leader} at {look.z:.2f}, {_needed(look.boundary)}",
            "won" if look.kind == "WINNER" else "",
        )
        for look in looked
    ]
    step = 1 if top - floor <= 4 else 2
    ticks = [Tick(_px(down(z)), str(z)) for z in range(0, int(top) + 1, step)]
    across = [Tick(_across(share / 4), f"{share * 25}%") for share in range(5)]
    return Boundary(must, _joined(must), have, _joined(have), ticks, across)


def _needed(z: float | None) -> str:
    return "nothing could prove it yet" if z is None else f"{z:.2f} needed"


def _joined(spots: Sequence[Spot]) -> list[Line]:
    return [Line(a.x, a.y, b.x, b.y) for a, b in pairwise(spots)]


def _across(share: float) -> str:
    return _at(_LEFT + (_RIGHT - _LEFT) * min(max(share, 0.0), 1.0))


def _at(position: float) -> str:
    return f"{position:.2f}%"


def _px(position: float) -> str:
    return f"{position:.1f}"


def _ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers that hold the range, as shares within 0 … 1."""
    span = max(high - low, 0.002)
    steps: Iterable[float] = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
    step = next((each for each in steps if span / each <= 5), 0.25)
    first = int(low / step)
    last = first + 1
    while last * step < high - 1e-12 or last - first < 2:
        last += 1
    return [number * step for number in range(first, last + 1)]
