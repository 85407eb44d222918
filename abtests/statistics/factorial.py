"""Tests of several things at once (subject × content …): what each contributes, and whether they depend on each other.

The verdict treats the cells as arms; what is here explains it. statsmodels is imported when it is needed: it takes a process 40 MB further,
and only the analysis queue's workers need it.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc, ndtr

from abtests.statistics.counts import FloatArray, Numbers, as_counts


@dataclass(frozen=True, slots=True)
class Effect:
    """How far a level lies from the mean of its factor's levels, on the logit scale."""

    factor: str
    level: int
    coefficient: float
    standard_error: float
    p: float

    @property
    def odds_ratio(self) -> float:
        """The odds to respond, relative to the mean of the levels."""
        return float(np.exp(self.coefficient))


@dataclass(frozen=True, slots=True)
class Interaction:
    """Whether one factor's effect depends on the other's level: likelihood ratio, degrees of freedom, p, coefficients."""

    factors: tuple[str, str]
    statistic: float
    freedom: int
    p: float
    coefficients: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Factorial:
    """Effects from the model without interactions; `interaction_p` tells whether that model may be believed."""

    intercept: float
    effects: tuple[Effect, ...]
    interactions: tuple[Interaction, ...]
    # All interactions of two factors at once; None where there are none, or the cells can't tell.
    statistic: float
    freedom: int
    interaction_p: float | None


def factorial_effects(successes: Numbers, trials: Numbers, cells: Sequence[Mapping[str, int]]) -> Factorial:
    """Return what each level of each factor contributes to the rate.

    `cells[arm]` names the level (0, 1, …) that the arm has of each factor; the level 0 of a factor is minus the sum of the others, so that
    a coefficient compares with the mean of all levels.  Logit with sum coding, fitted by maximum likelihood; Wald's p for the effects,
    likelihood ratio for the interactions, each added alone to the main effects; those that the cells can't tell (one was stopped) are
    left out.  Raises ValueError for cells that miss a factor, factors with a single level, arms without trials, levels at which nobody or
    everybody responded, and cells that can't tell the main effects apart.  Source: McCullagh & Nelder 1989, ch. 4; Agresti 2013, ch. 5.
    """
    s, n = as_counts(successes, trials)
    if len(cells) != s.size or not n.all():
        raise ValueError("Every arm needs its cell and recipients.")
    factors = list(cells[0])
    if not factors or any(set(cell) != set(factors) for cell in cells):
        raise ValueError("Every cell must name a level of every factor.")
    for factor in factors:
        _check_margins(factor, [cell[factor] for cell in cells], s, n)
    columns = {factor: _sum_coded(factor, [cell[factor] for cell in cells]) for factor in factors}
    main = _design(*columns.values())
    crossed = {
        pair: (columns[pair[0]][:, :, np.newaxis] * columns[pair[1]][:, np.newaxis, :]).reshape(s.size, -1)
        for pair in combinations(factors, 2)
    }
    fit = _fit(s, n, main)
    interactions = tuple(
        _interaction(pair, s, n, main, extra, fit)
        for pair, extra in crossed.items()
        if _is_told(_design(main[:, 1:], extra))
    )
    full = _design(main[:, 1:], *crossed.values())
    statistic, freedom = 0.0, full.shape[1] - main.shape[1] if _is_told(full) else 0
    if freedom:
        statistic = max(fit.deviance - _fit(s, n, full).deviance, 0.0)
    return Factorial(
        intercept=float(fit.coefficients[0]),
        effects=tuple(_effects(columns, fit)),
        interactions=interactions,
        statistic=statistic,
        freedom=freedom,
        interaction_p=float(chdtrc(freedom, statistic)) if freedom else None,
    )


def _sum_coded(factor: str, levels: Sequence[int]) -> FloatArray:
    """Return a column for each level but 0: 1 where the arm has it, −1 where it has level 0."""
    found = sorted(set(levels))
    if found != list(range(len(found))) or len(found) < 2:
        raise ValueError(f"The levels of {factor} must be 0, 1, … with at least two of them, not {found}.")
    have = np.asarray(levels)
    return np.stack([(have == level).astype(np.float64) - (have == 0) for level in found[1:]], axis=1)


def _check_margins(factor: str, levels: Sequence[int], successes: FloatArray, trials: FloatArray) -> None:
    """Raise ValueError if nobody or everybody responded at a level: its effect would be infinite."""
    for level in set(levels):
        have = np.asarray(levels) == level
        if not 0 < successes[have].sum() < trials[have].sum():
            raise ValueError(f"Nobody or everybody responded at level {level} of {factor}: its effect can't be told.")


def _design(*parts: FloatArray) -> FloatArray:
    return np.column_stack([np.ones(len(parts[0])), *parts])


def _is_told(design: FloatArray) -> bool:
    """Whether the cells tell all these coefficients apart."""
    return bool(np.linalg.matrix_rank(design) == design.shape[1])


class _Fit(NamedTuple):
    coefficients: FloatArray
    covariance: FloatArray
    deviance: float


def _fit(successes: FloatArray, trials: FloatArray, design: FloatArray) -> _Fit:
    """Return the most likely coefficients, their covariance, and twice the log likelihood that is missing to a perfect fit."""
    if not _is_told(design):
        raise ValueError("These cells can't tell the effects apart: too many combinations of levels are missing.")
    if design.shape[0] == design.shape[1]:
        # As many coefficients as cells: they follow from the logits, of which a cell without responses has none but for Haldane's half.
        half = 0.0 if ((successes > 0) & (successes < trials)).all() else 0.5
        rate = (successes + half) / (trials + 2 * half)
        coefficients = np.linalg.solve(design, np.log(rate / (1 - rate)))
        information = design.T @ (design * (trials * rate * (1 - rate))[:, np.newaxis])
        return _Fit(coefficients, np.linalg.inv(information), 0.0)

    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM
    from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

    with warnings.catch_warnings():
        # Said of any perfect fit, for example when all cells respond alike.
        warnings.simplefilter("ignore", PerfectSeparationWarning)
        fit = GLM(np.column_stack([successes, trials - successes]), design, family=Binomial()).fit()
    return _Fit(np.asarray(fit.params), np.asarray(fit.cov_params()), float(fit.deviance))


def _interaction(
    pair: tuple[str, str], s: FloatArray, n: FloatArray, main: FloatArray, extra: FloatArray, without: _Fit
) -> Interaction:
    fit = _fit(s, n, _design(main[:, 1:], extra))
    statistic = max(without.deviance - fit.deviance, 0.0)
    added = extra.shape[1]
    coefficients = tuple(float(value) for value in fit.coefficients[-added:])
    return Interaction(pair, statistic, added, float(chdtrc(added, statistic)), coefficients)


def _effects(columns: Mapping[str, FloatArray], fit: _Fit) -> list[Effect]:
    """Return an effect a level, level 0 as minus the sum of the others."""
    effects, at = [], 1
    for factor, coded in columns.items():
        added = coded.shape[1]
        rows = np.vstack([-np.ones(added), np.eye(added)])
        values = rows @ fit.coefficients[at : at + added]
        errors = np.sqrt(np.einsum("ij,jk,ik->i", rows, fit.covariance[at : at + added, at : at + added], rows))
        for level, (value, error) in enumerate(zip(values, errors, strict=True)):
            effects.append(Effect(factor, level, float(value), float(error), float(2 * ndtr(-abs(value / error)))))
        at += added
    return effects
