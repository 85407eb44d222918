"""How long people take to respond, so that those who have not yet are not counted as if they never would."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import ndtr

from abtests.statistics.counts import FloatArray, Numbers, as_array

# The share of all responses within the window that have come by an age in hours.
Curve = Callable[[FloatArray], FloatArray]

# Opens and clicks: half within the hour.
MEDIAN_HOURS = 1.0
SIGMA = 1.2


def lognormal_curve(median: float = MEDIAN_HOURS, sigma: float = SIGMA, *, window: float = 24.0) -> Curve:
    """Return a log-normal delay curve (hours), 1 from the window's end on: what is assumed before anybody has responded.

    Raises ValueError unless all are positive.
    """
    if median <= 0 or sigma <= 0 or window <= 0:
        raise ValueError("Median, sigma and window of a delay curve must be positive.")
    whole = float(ndtr(math.log(window / median) / sigma))

    def curve(ages: FloatArray) -> FloatArray:
        logs = np.log(np.maximum(ages, 1e-12) / median) / sigma
        share: FloatArray = np.where(ages > 0, np.minimum(ndtr(logs) / whole, 1.0), 0.0)
        return share

    return curve


def pooled_curve(responses: Sequence[Numbers], ages: Numbers, edges: Numbers, prior: Curve | None = None) -> Curve:
    """Return the delay curve of all arms together, from batches of which the younger ones have not seen the longer delays.

    `responses[batch][i]` are responses with a delay between edges i − 1 (0 for the first) and i, in hours; `ages` the batches' ages, of
    which a delay counts only if its whole interval has passed.  The last edge is the window W.  Where no batch is old enough, `prior`
    (the log-normal curve by default) says how the rest is spread.  Raises ValueError for lengths that don't fit and edges that don't rise.

    The product-limit estimate for right-truncated delays, in actuaries' words a chain ladder.  Source: Lagakos, Barraj & De Gruttola
    1988, Biometrika 75:515.
    """
    limits, old = as_array(edges, "edges"), as_array(ages, "ages")
    if len(responses) != old.size or (np.diff(limits, prepend=0.0) <= 0).any():
        raise ValueError("Give one age a batch, and edges that rise from above 0.")
    counts = np.stack([as_array(batch, "responses") for batch in responses])
    if counts.shape[1] != limits.size:
        raise ValueError(f"{counts.shape[1]} intervals of delay don't fit {limits.size} edges.")
    assumed = prior or lognormal_curve(window=float(limits[-1]))
    shares = assumed(limits)
    shares = shares / shares[-1]
    values = np.ones_like(limits)
    for i in range(limits.size - 1, 0, -1):
        seen = old >= limits[i]
        upto = float(counts[seen, : i + 1].sum())
        kept = 1 - float(counts[seen, i].sum()) / upto if upto else float(shares[i - 1] / shares[i])
        values[i - 1] = values[i] * kept
    known_x, known_y = np.concatenate([[0.0], limits]), np.concatenate([[0.0], values])

    def curve(at: FloatArray) -> FloatArray:
        share: FloatArray = np.interp(at, known_x, known_y)
        return share

    return curve


def effective_trials(sent: Numbers, ages: Numbers, curve: Curve) -> float:
    """Return Σ sent · F(age): how many recipients have, in effect, had their time.  Raises ValueError for lengths that differ."""
    amounts, hours = as_array(sent, "sent"), as_array(ages, "ages")
    if amounts.size != hours.size:
        raise ValueError(f"{amounts.size} batches don't fit {hours.size} ages.")
    return float(amounts @ curve(hours))
