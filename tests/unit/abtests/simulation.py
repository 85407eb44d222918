"""Simulated campaigns, judged look by look by `decide()` itself."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from abtests.limits import SEQUENTIAL_INFLATION
from abtests.statistics import Kind, Verdict, confirm_size, decide
from abtests.statistics.delays import lognormal_curve
from abtests.statistics.spending import ALPHA, Look, next_look


@dataclass(frozen=True)
class Campaigns:
    """Many campaigns with the same arms: matured responses at each look, campaigns × looks × arms."""

    responses: np.ndarray
    sent: np.ndarray
    lead: float

    @property
    def smallest_z(self) -> np.ndarray:
        """The pooled z of the leader against the runner-up, campaigns × looks (arms are of one size)."""
        top = np.sort(self.responses, axis=2)[:, :, -2:]
        pooled = top.sum(axis=2) / (2 * self.sent)
        return (top[:, :, 1] - top[:, :, 0]) / np.sqrt(np.maximum(2 * self.sent * pooled * (1 - pooled), 1e-12))


def simulate(
    rates: list[float], *, base: float, lead: float, looks: int, seed: int, campaigns: int = 4000
) -> Campaigns:
    """Send the planned sample of each campaign in `looks` equal batches to arms with these true rates."""
    size = -(-confirm_size(len(rates), base, lead, inflation=SEQUENTIAL_INFLATION) // looks)
    rng = np.random.default_rng(seed)
    batches = rng.binomial(size, rates, size=(campaigns, looks, len(rates)))
    return Campaigns(batches.cumsum(axis=1), size * np.arange(1, looks + 1), lead)


def simulate_live(
    medians: list[float], *, base: float, lead: float, looks: int, seed: int, campaigns: int
) -> Campaigns:
    """Send equal arms a batch an hour, and count who has responded so far: an arm of slower people looks worse than it is."""
    planned = simulate([base] * len(medians), base=base, lead=lead, looks=looks, seed=seed, campaigns=campaigns)
    whole = np.diff(planned.responses, axis=1, prepend=0)
    rng, live = np.random.default_rng(seed + 1), np.zeros_like(planned.responses)
    seen = [lognormal_curve(median)(np.arange(1.0, looks + 1)) for median in medians]
    for arm, curve in enumerate(seen):
        for batch in range(looks):
            # Of those who will respond, how many do so within each hour after their batch.
            hours = np.append(np.diff(curve[: looks - batch], prepend=0), 1 - curve[looks - batch - 1])
            live[:, batch:, arm] += rng.multinomial(whole[:, batch, arm], hours)[:, :-1].cumsum(axis=1)
    return Campaigns(live, planned.sent, lead)


def history(responses: np.ndarray, campaigns: Campaigns) -> Iterator[Look]:
    """Yield the looks at one campaign (looks × arms) as the services would have stored them, one after the other."""
    past = Look()
    for look, counts in enumerate(responses):
        sent, final = campaigns.sent[look], look + 1 == len(responses)
        past = next_look(counts, [sent] * counts.size, lead=campaigns.lead, earlier=past, final=final)
        yield past


def judge(campaigns: Campaigns) -> tuple[np.ndarray, np.ndarray]:
    """Return for each campaign the arm that `decide()` declares the winner (−1: none) and the share of the sample it took.

    A boundary is never below z of all the error spent so far, so looks below that can't end a test: they aren't asked.
    """
    z = campaigns.smallest_z
    winners, shares = np.full(len(z), -1), np.ones(len(z))
    for number in np.flatnonzero(z.max(axis=1) >= ndtri(1 - ALPHA / 2)):
        responses = campaigns.responses[number]
        for look, past in enumerate(history(responses, campaigns)):
            if z[number, look] >= -ndtri(past.spent[-1] / 2):
                verdict = look_at(responses[look], campaigns, past)
                if verdict.kind is Kind.WINNER:
                    winners[number], shares[number] = verdict.leader, (look + 1) / len(responses)
                    break
    return winners, shares


def look_at(responses: np.ndarray, campaigns: Campaigns, past: Look) -> Verdict:
    """Return what `decide()` says at the last of these looks."""
    look = len(past.sizes) - 1
    return decide(
        responses,
        [campaigns.sent[look]] * responses.size,
        lead=campaigns.lead,
        information=past.information,
        spent=past.spent,
        final=look + 1 == len(campaigns.sent),
    )


def peek(campaigns: Campaigns) -> np.ndarray:
    """Return which campaigns have a winner for somebody who takes p < 0.05 at any look for one."""
    return (campaigns.smallest_z >= ndtri(1 - ALPHA / 2)).any(axis=1)
