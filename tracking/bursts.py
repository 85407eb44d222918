"""Bursts: hits that only together show a machine.

Two rules, both symmetric in time and bounded, so that neither the order in which hits are taken in nor how they are cut into
chunks changes what comes out:

- `threshold` distinct links of a message within WINDOW: every hit of the message that lies with them in one window is a
  machine's;
- a honeypot link: every hit of the message within HONEYPOT_REACH of it is a machine's.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tracking.verdicts import BURST, HONEYPOT_BURST, Reason

# In microseconds, as all moments here.
WINDOW = 2_000_000
HONEYPOT_REACH = 10_000_000
REACH = max(WINDOW, HONEYPOT_REACH)
MOST_DISTINCT = 3
LEAST_DISTINCT = 2


@dataclass(frozen=True, slots=True)
class Click:
    """A click as the rules see it."""

    at: int
    link_id: int
    is_honeypot: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """From `low` to `high`, both included, every hit of the message is a machine's."""

    low: int
    high: int
    reason: Reason


def threshold(links: int) -> int:
    """Return how many distinct links make a burst in mail with so many links: all of them, at most three, at least two."""
    return max(LEAST_DISTINCT, min(links, MOST_DISTINCT))


def spans(clicks: Iterable[Click], *, distinct: int) -> list[Span]:
    """Return the spans in which hits of one message are a machine's; `distinct` links within WINDOW make a burst."""
    ordered = sorted(clicks, key=lambda click: click.at)
    honeypots = [
        Span(click.at - HONEYPOT_REACH, click.at + HONEYPOT_REACH, HONEYPOT_BURST)
        for click in ordered
        if click.is_honeypot
    ]
    return honeypots + _window_spans([click for click in ordered if not click.is_honeypot], distinct)


def _window_spans(clicks: Sequence[Click], distinct: int) -> list[Span]:
    """Slide over the clicks; each shortest run [first, last] with enough links makes the span of all windows around it."""
    found: list[Span] = []
    inside: Counter[int] = Counter()
    first = 0
    for last in clicks:
        inside[last.link_id] += 1
        # What a shorter run does without, or what is too long ago, no later run needs.
        while last.at - clicks[first].at > WINDOW or inside[clicks[first].link_id] > 1 or len(inside) > distinct:
            inside[clicks[first].link_id] -= 1
            if not inside[clicks[first].link_id]:
                del inside[clicks[first].link_id]
            first += 1
        if len(inside) >= distinct:
            found.append(Span(last.at - WINDOW, clicks[first].at + WINDOW, BURST))
    return _merged(found)


def _merged(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.low):
        if merged and span.low <= merged[-1].high:
            merged[-1] = Span(merged[-1].low, max(span.high, merged[-1].high), span.reason)
        else:
            merged.append(span)
    return merged


def reason_at(at: int, found: Iterable[Span]) -> Reason | None:
    """Return the reason of the spans that hold this moment, the honeypot's before a burst's; None outside of all."""
    reasons = {span.reason for span in found if span.low <= at <= span.high}
    if HONEYPOT_BURST in reasons:
        return HONEYPOT_BURST
    return BURST if BURST in reasons else None
