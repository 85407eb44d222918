"""Harm that keeps an arm from winning, whatever its clicks: complaints and unsubscribes."""

from typing import Final

from scipy.special import betainc, ndtr

from abtests.statistics.comparisons import fisher_greater
from abtests.statistics.counts import Numbers, as_counts, as_pair
from abtests.statistics.intervals import wald_error

# Gmail and Yahoo ask bulk senders to stay below 0.1 % (and never reach 0.3 %).
COMPLAINT_CAP: Final = 0.001
BLOCK_BELOW: Final = 0.01


def above_cap(events: float, trials: float, cap: float = COMPLAINT_CAP) -> float:
    """Return the exact one-sided p of "the rate is at most `cap`" (binomial).  Raises ValueError if events exceed trials."""
    as_counts([events], [trials], what="events")
    return float(betainc(events, trials - events + 1, cap)) if events else 1.0


def above_others(events: Numbers, trials: Numbers, arm: int) -> float:
    """Return Fisher's one-sided p of "this arm's rate is no higher than that of all the others together"; 1 for a single arm."""
    s, n = as_counts(events, trials, what="events")
    others, reached = float(s.sum() - s[arm]), float(n.sum() - n[arm])
    return fisher_greater([float(s[arm]), others], [float(n[arm]), reached]) if reached else 1.0


def no_worse(events: Numbers, trials: Numbers, margin: float) -> tuple[float, float]:
    """Return z and one-sided p of "arm 0's rate exceeds arm 1's by `margin` or more": a small p shows that arm 0 is no worse.

    Wald's test of non-inferiority.  p is 1 if an arm has no trials.  Raises ValueError unless there are two arms and margin is positive.
    """
    s, n = as_pair(events, trials)
    if margin <= 0:
        raise ValueError("The margin of a non-inferiority test is positive.")
    error = wald_error(s, n)
    if not n.all():
        return 0.0, 1.0
    gap = float(s[0] / n[0] - s[1] / n[1]) - margin
    z = gap / error if error else (float("-inf") if gap < 0 else float("inf"))
    return z, float(ndtr(z))


def blocked_arms(trials: Numbers, complaints: Numbers | None, unsubscribes: Numbers | None) -> tuple[int, ...]:
    """Return the arms (as indices) that must not be sent on: too many complaints, or more unsubscribes than the others."""
    blocked: set[int] = set()
    if complaints is not None:
        s, n = as_counts(complaints, trials, what="complaints")
        blocked |= {arm for arm in range(n.size) if above_cap(float(s[arm]), float(n[arm])) < BLOCK_BELOW}
    if unsubscribes is not None:
        s, n = as_counts(unsubscribes, trials, what="unsubscribes")
        blocked |= {arm for arm in range(n.size) if s[arm] and above_others(s, n, arm) < BLOCK_BELOW}
    return tuple(sorted(blocked))
