"""Who gets which arm: by a hash, so that the answer is the same whenever, wherever and however often it is asked.

A blast's cells are dealt out: the audience in the order of its draws, the first ones to the first batch, one to each arm in turn. So cells are
equal to the last contact, and which contact is in which is as good as drawn by lot. Who enters one by one gets an arm by the draw alone.
"""

import hashlib
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

_BYTES: Final = 8
_DRAWS: Final = 1 << 8 * _BYTES

# The same draw in PostgreSQL, as bytes, which sort as the numbers do; `{contact_id}` is the column, the key a parameter.
DRAW_SQL: Final = "substr(sha256(convert_to(%(key)s || ':' || {contact_id}::text, 'UTF8')), 1, 8)"


class Cell(NamedTuple):
    """Where a contact stands in a test, both counted from 0."""

    batch: int
    arm: int


def draw(key: str, contact_id: int) -> int:
    """Return a number below 2⁶⁴ that looks random and stays the same; each test has a key of its own."""
    return int.from_bytes(hashlib.sha256(f"{key}:{contact_id}".encode()).digest()[:_BYTES])


def cell_at(position: int, batch_sizes: Sequence[int], arms: int) -> Cell | None:
    """Return the cell of the contact at this position in the order of draws (from 0), None for those who wait for the winner.

    `batch_sizes` are contacts an arm.  Raises ValueError for a negative position.
    """
    if position < 0:
        raise ValueError("Positions count from 0.")
    start = 0
    for batch, end in enumerate(accumulate(size * arms for size in batch_sizes)):
        if position < end:
            return Cell(batch, (position - start) % arms)
        start = end
    return None


def arm_of(key: str, contact_id: int, weights: Sequence[float]) -> int:
    """Return the arm of someone who enters alone, with chances in proportion to `weights`.

    Raises ValueError for weights of which none is positive or one is negative.
    """
    if min(weights, default=-1.0) < 0 or not sum(weights):
        raise ValueError("The arms' weights must not be negative, and one must be positive.")
    at = draw(key, contact_id) / _DRAWS * sum(weights)
    for arm, end in enumerate(accumulate(weights)):
        if at < end:
            return arm
    # The sum of the weights was rounded: the last arm that gets anybody.
    return max(arm for arm, weight in enumerate(weights) if weight > 0)


def is_held_out(key: str, contact_id: int, share: float) -> bool:
    """Tell whether a contact belongs to the share (0 … 1) that gets nothing, for a comparison with those who do.

    The key must not be a test's: who is held out would else be the arms' choice as well.
    """
    return draw(key, contact_id) < share * _DRAWS


def part_drawn(key: str, contact_id: int, parts: int) -> int:
    """Return the part (from 0) of an optimisation to which a contact belongs: a draw of its own, as it must say nothing of the arm."""
    return draw(f"{key}/part", contact_id) * parts // _DRAWS
