"""Whether the arms got the recipients they should have got."""

import numpy as np
from scipy.special import chdtrc

from abtests.statistics.counts import Numbers, as_array

# Below this the split is broken: at 0.1 % a sound test is thrown away once in a thousand, and faults show with far less.
INVALID_BELOW = 0.001


def sample_ratio(sent: Numbers, weights: Numbers | None = None) -> float:
    """Return p of the chi-square test that `sent` was split by `weights` (equal parts by default); 1 if nothing was sent.

    Raises ValueError if the lengths differ or if no weight is positive.  Source: Fabijan et al. 2019, KDD, 2156 (sample ratio mismatch).
    """
    observed = as_array(sent, "sent")
    shares = as_array(weights, "weights") if weights is not None else np.ones_like(observed)
    if shares.size != observed.size:
        raise ValueError(f"{shares.size} weights don't fit {observed.size} arms.")
    if not shares.sum():
        raise ValueError("At least one weight must be positive.")
    expected = observed.sum() * shares / shares.sum()
    if (observed[expected == 0] > 0).any():
        return 0.0
    planned = expected > 0
    if planned.sum() < 2:
        return 1.0
    chi_square = float(((observed - expected)[planned] ** 2 / expected[planned]).sum())
    return float(chdtrc(int(planned.sum()) - 1, chi_square))
