"""Random splits: each contact's lane follows from a hash, so that it is the same whenever it is asked."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from sequences.kinds.reading import Reader

LANE_NAME = re.compile(r"[a-z0-9_]{1,20}\Z")
MOST_LANES = 10
PERCENT = 100


@dataclass(frozen=True, slots=True)
class Split:
    """Lanes with their share in percent; splits with the same `split_key` send a contact the same way."""

    split_key: str
    shares: tuple[tuple[str, int], ...]

    @property
    def lanes(self) -> tuple[str, ...]:
        return tuple(lane for lane, _ in self.shares)

    def bucket(self, contact_id: int) -> int:
        """Return a number from 0 to 9,999 that looks random and stays the same."""
        digest = hashlib.blake2b(f"{self.split_key}:{contact_id}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) % (PERCENT * PERCENT)

    def lane(self, bucket: int) -> str:
        """Return the lane of a bucket."""
        for lane, upper in zip(self.lanes, accumulate(share for _, share in self.shares), strict=True):
            if bucket < upper * PERCENT:
                return lane
        return self.shares[-1][0]


def read_split(reader: Reader, key: str) -> Split | None:
    """Read `shares`, whole percents by lane that add up to 100, and `split_key` (the step's own key if left out)."""
    split_key = reader.text("split_key", limit=60) or key
    shares = reader.raw("shares")
    if not shares:
        reader.missing["shares"] = "Into which lanes?"
        return None
    if not isinstance(shares, Mapping) or not 2 <= len(shares) <= MOST_LANES:
        return reader.wrong("shares", f"This must be 2 to {MOST_LANES} lanes with their percent.", None)
    for lane, share in shares.items():
        if not isinstance(lane, str) or not LANE_NAME.match(lane):
            return reader.wrong("shares", "A lane's name has small letters, digits and underscores, at most 20.", None)
        if isinstance(share, bool) or not isinstance(share, int) or not 1 <= share < PERCENT:
            return reader.wrong("shares", "A share is a whole percent from 1 to 99.", None)
    if sum(shares.values()) != PERCENT:
        return reader.wrong("shares", "The shares must add up to 100 percent.", None)
    # An object in JSON has no order, and jsonb changes it: the names decide.
    ordered = tuple(sorted(shares.items()))
    reader.clean["shares"] = dict(ordered)
    return Split(split_key, ordered)
