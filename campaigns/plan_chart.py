"""The curve of a plan, as coordinates of an SVG: what lead each number of recipients proves, and what it can pick."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from abtests import services as abtests
from abtests.models import Experiment

WIDTH: Final = 340
HEIGHT: Final = 180
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 34
POINTS: Final = 32
# Below so many recipients a version nothing of use can be said.
LEAST: Final = 50
ROWS: Final = 5


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """Two lines and a point, in the units of the drawing; `rows` are (recipients, proves, picks) for the table beside it."""

    proves: str
    picks: str
    x: float
    lead_y: float
    is_lead_shown: bool
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    rows: tuple[tuple[int, float | None, float | None], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def curve_of(experiment: Experiment, *, per_arm: int, most: int) -> Curve | None:
    """Return the curve up to `most` recipients a version, with a mark at `per_arm`; None for an audience too small to draw.

    The axis of recipients is logarithmic: four times as many halve the lead.
    """
    if most < 2 * LEAST:
        return None
    sizes = [round(LEAST * (most / LEAST) ** (step / (POINTS - 1))) for step in range(POINTS)]
    reaches = abtests.reaches_of(experiment, sizes)
    # What the smallest sizes prove is so coarse that it would flatten the rest.
    ceiling = _round_up(max(4 * experiment.lead, 1.5 * (reaches[-1].proves or 0)))

    def x(size: int) -> float:
        share = math.log(max(size, LEAST) / LEAST) / math.log(most / LEAST)
        return round(LEFT + min(share, 1) * (WIDTH - LEFT - RIGHT), 1)

    def y(lead: float) -> float:
        return round(HEIGHT - BOTTOM - min(lead / ceiling, 1) * (HEIGHT - TOP - BOTTOM), 1)

    def line(leads: Sequence[float | None]) -> str:
        shown = [(size, lead) for size, lead in zip(sizes, leads, strict=True) if lead is not None and lead <= ceiling]
        return " ".join(f"{x(size)},{y(lead)}" for size, lead in shown)

    rows = tuple((sizes[i], reaches[i].proves, reaches[i].selects) for i in _spread(len(sizes)))
    return Curve(
        proves=line([each.proves for each in reaches]),
        picks=line([each.selects for each in reaches]),
        x=x(per_arm),
        lead_y=y(experiment.lead),
        is_lead_shown=experiment.lead <= ceiling,
        x_ticks=tuple(Tick(x(size), _short(size)) for size in _round_sizes(most)),
        y_ticks=tuple(Tick(y(ceiling * part / 2), _points(ceiling * part / 2)) for part in (0, 1, 2)),
        rows=rows,
    )


def _round_up(lead: float) -> float:
    """Return the next of 1, 2, 4, 6 or 10 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(lead))
    return next(step * power for step in (1, 2, 4, 6, 10) if step * power >= lead * (1 - 1e-9))


def _round_sizes(most: int) -> list[int]:
    powers = [10**power for power in range(2, 9) if LEAST <= 10**power <= most]
    return [LEAST, *powers[-3:]]


def _spread(count: int) -> list[int]:
    return [round(row * (count - 1) / (ROWS - 1)) for row in range(ROWS)]


def _short(size: int) -> str:
    for least, unit in ((1_000_000, "M"), (1_000, "k")):
        if size >= least:
            return f"{size / least:g}{unit}"
    return str(size)


def _points(lead: float) -> str:
    return f"{lead * 100:.3g}"
