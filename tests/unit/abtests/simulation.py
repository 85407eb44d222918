"""Simulated campaigns, judged look by look by `decide()` itself."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from abtests.statistics import Kind, confirm_size, decide
from abtests.statistics.planning import SEQUENTIAL_INFLATION
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


def history(responses: np.ndarray, sent: np.ndarray, lead: float) -> Look:
    """Return the looks of one campaign as the services would have stored them (looks × arms)."""
    past = Look((), ())
    for look, counts in enumerate(responses):
        past = next_look(counts, [sent[look]] * counts.size, lead=lead, earlier=past, final=look + 1 == len(sent))
    return past


def judge(campaigns: Campaigns) -> tuple[np.ndarray, np.ndarray]:
    """Return for each campaign the arm that `decide()` declares the winner (−1: none) and the share of the sample it took.

    A boundary is never below z of all the error spent so far, so looks below that can't end a test: they aren't asked.
    """
    z = campaigns.smallest_z
    winners, shares = np.full(len(z), -1), np.ones(len(z))
    looks = len(campaigns.sent)
    for number, responses in enumerate(campaigns.responses):
        if z[number].max() < ndtri(1 - ALPHA / 2):
            continue
        past = history(responses, campaigns.sent, campaigns.lead)
        lowest = -ndtri(np.array(past.spent) / 2)
        for look in np.flatnonzero(z[number] >= lowest):
            verdict = look_at(responses, campaigns, past, look)
            if verdict.kind is Kind.WINNER:
                winners[number], shares[number] = verdict.leader, (look + 1) / looks
                break
    return winners, shares


def look_at(responses: np.ndarray, campaigns: Campaigns, past: Look, look: int):
    """Return what `decide()` says at this look of a campaign."""
    return decide(
        responses[look],
        [campaigns.sent[look]] * responses.shape[1],
        lead=campaigns.lead,
        information=past.information[: look + 1],
        spent=past.spent[: look + 1],
        final=look + 1 == len(campaigns.sent),
    )


def peek(campaigns: Campaigns) -> np.ndarray:
    """Return which campaigns have a winner for somebody who takes p < 0.05 at any look for one."""
    return (campaigns.smallest_z >= ndtri(1 - ALPHA / 2)).any(axis=1)
