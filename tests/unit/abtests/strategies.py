"""Counts of arms as hypothesis makes them up: small and enormous, with and without responses."""

from hypothesis import strategies as st

TWO_TO_EIGHT = st.integers(2, 8)
SIZES = st.integers(0, 20_000)


@st.composite
def counts(draw, arms=TWO_TO_EIGHT, sizes=SIZES):
    """Successes and trials of some arms, each of its own size."""
    trials = draw(st.lists(sizes, min_size=(k := draw(arms)), max_size=k))
    return [draw(st.integers(0, n)) for n in trials], trials


@st.composite
def equal_counts(draw, arms=TWO_TO_EIGHT, size=SIZES):
    """Successes of some arms of one size, and the sizes."""
    n, k = max(draw(size), 1), draw(arms)
    return draw(st.lists(st.integers(0, n), min_size=k, max_size=k)), [n] * k
