"""Numbers of the proof as the page "How this works" shows them; tests/unit/abtests/test_proof.py finds them anew in each run."""

from typing import Final, NamedTuple


class Proof(NamedTuple):
    """What was simulated 4,000 times, what was found, and what had to be; `is_ours` is false for the methods that we don't use."""

    campaigns: str
    found: str
    must: str
    is_ours: bool = True


class Size(NamedTuple):
    """Recipients a version to prove a lead, and to pick the better of two, at a base rate."""

    base: str
    lead: str
    proves: int
    selects: int


PROOFS: Final = (
    Proof("Two equal versions: a winner is declared", "4.8%", "at most 5.8%"),
    Proof("Four versions, two of which tie on top: a winner is declared", "4.9%", "at most 5.8%"),
    Proof("Four equal versions: a winner is declared", "0.6%", "at most 1.5%"),
    Proof("The better of two at the planned lead: declared the winner", "96.0%", "at least 94.2%"),
    Proof("The best of four at the planned lead: declared the winner", "96.4%", "at least 94.2%"),
    Proof("Two equal versions of 3% clicks, looked at 24 times: a winner is declared", "5.3%", "at most 5.8%"),
    Proof(
        "The same, by looking after each part until “95% significant” appears", "26.3%", "more than 15%", is_ours=False
    ),
    Proof(
        "Two equal versions, one read more slowly, everything counted as it comes in",
        "97.5%",
        "more than 90%",
        is_ours=False,
    ),
)

SIZES: Final = (
    Size("2%", "0.5 points", 24_458, 4_760),
    Size("2%", "1 point", 6_772, 1_318),
    Size("5%", "1 point", 14_447, 2_812),
    Size("10%", "2 points", 6_800, 1_324),
    Size("20%", "2 points", 11_527, 2_243),
    Size("20%", "5 points", 1_933, 377),
)
