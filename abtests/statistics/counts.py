"""Successes and trials of the arms, checked once at the door of every function."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Numbers = Sequence[float] | Sequence[int] | FloatArray


def as_array(numbers: Numbers, what: str) -> FloatArray:
    """Return `numbers` as a flat array.  Raises ValueError for none, for one that is negative and for one that is not finite."""
    array = np.asarray(numbers, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{what} must be a list with one number an arm, not {numbers!r}.")
    if not (np.isfinite(array) & (array >= 0)).all():
        raise ValueError(f"{what} must be finite and not negative: {numbers!r}.")
    return array


def as_counts(successes: Numbers, trials: Numbers, *, what: str = "successes") -> tuple[FloatArray, FloatArray]:
    """Return successes and trials as arrays of one length, an entry an arm.

    Raises ValueError if their lengths differ or if an arm has more successes than trials.
    """
    s, n = as_array(successes, what), as_array(trials, "trials")
    if s.size != n.size:
        raise ValueError(f"{s.size} {what} don't fit {n.size} trials: give one number an arm.")
    if (s > n).any():
        raise ValueError(f"An arm has more {what} than trials: {s.tolist()} of {n.tolist()}.")
    return s, n


def as_pair(successes: Numbers, trials: Numbers) -> tuple[FloatArray, FloatArray]:
    """Return the counts of exactly two arms.  Raises ValueError for another number of arms."""
    s, n = as_counts(successes, trials)
    if s.size != 2:
        raise ValueError(f"Two arms are compared, not {s.size}.")
    return s, n


def rates(successes: FloatArray, trials: FloatArray) -> FloatArray:
    """Return successes / trials, 0 for an arm without trials."""
    return np.divide(successes, trials, out=np.zeros_like(successes), where=trials > 0)
