"""Real-time optimisation: the share of the next batch that each arm gets. It claims no significance."""

from typing import Final

import numpy as np

from abtests.statistics.bayes import best_of_betas
from abtests.statistics.counts import Numbers, as_array

FLOOR: Final = 0.05
# Before this an accident decides.
FEWEST_TRIALS: Final = 100
FEWEST_RESPONSES: Final = 40


def thompson_weights(successes: Numbers, trials: Numbers, floor: float = FLOOR) -> list[float]:
    """Return the arms' shares of the next batch: `floor` for each, the rest by the probability to be the best.

    `trials` may be the effective number for responses that are still to come (`delays.effective_trials`); an arm with more responses than
    that counts as if all had responded.  Equal parts until every arm has 100 trials and there are 40 responses an arm on average (an arm
    that nobody answers must not hold the others up).  The probability is integrated, not drawn, so the same counts give the same
    shares.  Raises ValueError for lengths that differ and a floor that leaves nothing.  Source: Thompson 1933, Biometrika 25:285;
    Chapelle & Li 2011, NIPS 24.
    """
    s, n = as_array(successes, "successes"), as_array(trials, "trials")
    if s.size != n.size:
        raise ValueError(f"{s.size} successes don't fit {n.size} trials: give one number an arm.")
    if not 0 <= floor * s.size <= 1:
        raise ValueError(f"A floor of {floor} for each of {s.size} arms is more than there is.")
    if n.min() < FEWEST_TRIALS or s.mean() < FEWEST_RESPONSES:
        return [1 / s.size] * int(s.size)
    best, _ = best_of_betas(1 + s, 1 + np.maximum(n - s, 0.0))
    return [floor + (1 - floor * s.size) * chance for chance in best]
