"""The shares of the next part of an optimisation: more of what works.  Loads numpy: import it where it is needed.

Young responses are reckoned by the pooled delay curve, and the parts are strata: what counts is what each arm would have, had all parts
been split alike, so that a good hour of which one arm got more is not taken for its merit.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from abtests import strata
from abtests.maturing import COLUMNS
from abtests.models import Experiment, Metric, Variant
from abtests.statistics import thompson_weights
from abtests.statistics.delays import Curve, lognormal_curve, pooled_curve
from abtests.statistics.stratified import stratified_rates
from delivery import selectors as delivery
from delivery.selectors import ResponseRow

HALF_AN_HOUR = timedelta(minutes=30)


def next_shares(experiment: Experiment, variants: Sequence[Variant], *, now: datetime) -> list[float]:
    """Return every arm's share of the next part; 0 for those that were stopped.  Equal parts until enough is known."""
    arms = [variant for variant in variants if variant.stopped_at is None]
    places = {variant.mailing_id or 0: place for place, variant in enumerate(arms)}
    bounds: list[int] = next((each.mailing.response_bounds for each in arms if each.mailing), [])
    rows = [row for row in delivery.response_counts(list(places)) if row.stratum != strata.NOT_COUNTED]
    window = experiment.window_hours
    edges = [float(bound) for bound in bounds if bound <= window] or [float(window)]
    curve = _curve(_by_hour(rows, COLUMNS[Metric(experiment.metric)], lags=len(edges), now=now), edges, window)
    successes, trials = _by_part(
        rows, places, COLUMNS[Metric(experiment.metric)], lags=len(edges), curve=curve, now=now
    )
    shares = iter(_shares(successes, trials, len(arms)))
    return [0.0 if variant.stopped_at else next(shares) for variant in variants]


def _age(sent_hour: datetime, now: datetime) -> float:
    """Return the mean age in hours of what was sent in an hour; never below 0, though a clock was put back."""
    return max((now - sent_hour - HALF_AN_HOUR) / timedelta(hours=1), 0.0)


def _by_hour(rows: Sequence[ResponseRow], column: str, *, lags: int, now: datetime) -> dict[float, list[int]]:
    """Return the responses of all arms by the age of their sending, an entry a lag."""
    responses: dict[float, list[int]] = defaultdict(lambda: [0] * lags)
    for row in rows:
        if row.lag < lags:
            responses[_age(row.sent_hour, now)][row.lag] += max(getattr(row, column), 0)
    return responses


def _curve(responses: Mapping[float, Sequence[int]], edges: Sequence[float], window: int) -> Curve:
    if not responses:
        return lognormal_curve(window=float(window))
    return pooled_curve(list(responses.values()), list(responses), edges)


def _by_part(
    rows: Sequence[ResponseRow], places: Mapping[int, int], column: str, *, lags: int, curve: Curve, now: datetime
) -> tuple[list[list[float]], list[list[float]]]:
    """Return responses and effective recipients, a row a part with an entry an arm."""
    import numpy as np

    arms = len(places)
    successes: dict[int, list[float]] = defaultdict(lambda: [0.0] * arms)
    trials: dict[int, list[float]] = defaultdict(lambda: [0.0] * arms)
    for row in rows:
        arm = places[row.mailing_id]
        if row.lag < lags:
            successes[row.stratum][arm] += max(getattr(row, column), 0)
        if row.sent:
            trials[row.stratum][arm] += row.sent * float(curve(np.array([_age(row.sent_hour, now)]))[0])
    order = sorted(trials)
    return [successes[part] for part in order], [trials[part] for part in order]


def _shares(successes: Sequence[Sequence[float]], trials: Sequence[Sequence[float]], arms: int) -> list[float]:
    """Return Thompson's shares by the rates standardised over the parts, for as many effective recipients as each arm has."""
    if not trials:
        return [1 / arms] * arms
    capped = [
        [min(s, n) for s, n in zip(part_s, part_n, strict=True)]
        for part_s, part_n in zip(successes, trials, strict=True)
    ]
    estimates = stratified_rates(capped, trials)
    if estimates is None:
        return [1 / arms] * arms
    totals = [sum(part[arm] for part in trials) for arm in range(arms)]
    return thompson_weights([each.rate * total for each, total in zip(estimates, totals, strict=True)], totals)
