from hypothesis import given
from hypothesis import strategies as st

from tracking.bursts import HONEYPOT_REACH, WINDOW, Click, reason_at, spans, threshold
from tracking.verdicts import BURST, HONEYPOT_BURST

SECOND = 1_000_000


def reference(clicks: list[Click], at: int, distinct: int):
    """The rules as they are written, without any cleverness."""
    if any(click.is_honeypot and abs(click.at - at) <= HONEYPOT_REACH for click in clicks):
        return HONEYPOT_BURST
    plain = [click for click in clicks if not click.is_honeypot]
    for start in {at - WINDOW, at, *(click.at for click in plain), *(click.at - WINDOW for click in plain)}:
        if start <= at <= start + WINDOW:
            inside = {click.link_id for click in plain if start <= click.at <= start + WINDOW}
            if len(inside) >= distinct:
                return BURST
    return None


clicks = st.lists(
    st.builds(Click, st.integers(0, 30 * SECOND), st.integers(1, 4), st.sampled_from([False] * 9 + [True])), max_size=14
)


@given(clicks, st.integers(-12 * SECOND, 42 * SECOND), st.sampled_from([2, 3]))
def test_the_spans_are_what_the_rules_say(found, at, distinct):
    assert reason_at(at, spans(found, distinct=distinct)) == reference(found, at, distinct)


@given(clicks, st.randoms(), st.sampled_from([2, 3]))
def test_the_order_of_the_clicks_does_not_matter(found, random, distinct):
    shuffled = random.sample(found, len(found))
    assert spans(shuffled, distinct=distinct) == spans(found, distinct=distinct)


def test_two_seconds_are_a_window_and_a_microsecond_more_is_none():
    inside = [Click(0, 1), Click(SECOND, 2), Click(2 * SECOND, 3)]
    outside = [Click(0, 1), Click(SECOND, 2), Click(2 * SECOND + 1, 3)]
    assert reason_at(0, spans(inside, distinct=3)) == BURST
    assert spans(outside, distinct=3) == []


def test_one_link_followed_many_times_is_no_burst():
    assert spans([Click(n, 1) for n in range(50)], distinct=2) == []


def test_all_links_make_a_burst_but_never_a_single_one():
    assert [threshold(links) for links in (0, 1, 2, 3, 4, 50)] == [2, 2, 2, 3, 3, 3]
