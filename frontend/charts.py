"""What the chart component draws: plain data, turned into JSON for the browser and into a table for everyone else."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Kind = Literal["line", "bar", "stacked"]
Colour = Literal["blue", "green", "orange", "purple", "red", "cyan", "grey"]


@dataclass(frozen=True, slots=True)
class Series:
    """One line or set of bars. ``values`` are as long as the chart's labels; None leaves a gap.

    A ``hidden`` one is drawn when its name in the legend is pressed.
    """

    label: str
    values: Sequence[float | int | None]
    colour: Colour = "blue"
    dashed: bool = False
    fill: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart over labelled points. ``unit`` is appended to values, e.g. ``%``."""

    kind: Kind
    labels: Sequence[str]
    series: Sequence[Series]
    unit: str = ""

    @property
    def is_empty(self) -> bool:
        """True where there is nothing to draw: no labels, or no value in any series."""
        return not self.labels or all(value is None for series in self.series for value in series.values)

    @property
    def rows(self) -> list[tuple[str, list[float | int | None]]]:
        """The same numbers by label, for the table."""
        return [(label, [series.values[i] for series in self.series]) for i, label in enumerate(self.labels)]

    @property
    def as_json(self) -> str:
        """What charts.js reads."""
        return json.dumps(
            {
                "kind": self.kind,
                "unit": self.unit,
                "labels": list(self.labels),
                "series": [{**asdict(series), "values": list(series.values)} for series in self.series],
            }
        )
