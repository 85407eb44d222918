"""What the demo's people and their mail servers do: seeded, believable, and told apart as real traffic is."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

HUMAN_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
)
GMAIL_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
APPLE_PRIVACY = "Mozilla/5.0"
SCANNER = "Mozilla/5.0 (compatible; BarracudaCentral/1.0; +http://www.barracudacentral.org)"

HARD_BOUNCES = 0.006
GREYLISTED = 0.02
HUMAN_OPENERS = 0.34
PRIVACY_OPENERS = 0.22
SCANNED = 0.05
CLICKS_OF_OPENERS = 0.24
UNSUBSCRIBERS = 0.004
OPEN_DELAY_MEAN_H = 6.0


@dataclass(frozen=True, slots=True)
class Hit:
    """One request to the pixel (`link` None) or to a link (its position among the message's links)."""

    at: datetime
    link: int | None
    user_agent: str
    ip: str


@dataclass(frozen=True, slots=True)
class Reaction:
    """All that one message led to."""

    hits: Sequence[Hit]
    unsubscribed_at: datetime | None


class MailServers:
    """The receiving side: a few addresses are gone for good, a few servers greylist the first try."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._tried: set[str] = set()

    def judge(self, address: str) -> bytes:
        """Return the reply to RCPT TO."""
        draw = random.Random(f"{self._seed}:{address}").random()
        if draw < HARD_BOUNCES:
            return b"550 5.1.1 The email account that you tried to reach does not exist"
        if draw < HARD_BOUNCES + GREYLISTED and address not in self._tried:
            self._tried.add(address)
            return b"450 4.7.1 Greylisted, please try again later"
        return b"250 2.1.5 Ok"


def reactions(
    message_ids: Sequence[int], *, accepted_at: Sequence[datetime], links: int, seed: int, until: datetime, pull: float
) -> Iterator[Reaction]:
    """Yield what each message leads to before `until`.  `pull` scales how well this mail does (1.0 is usual)."""
    for message_id, sent in zip(message_ids, accepted_at, strict=True):
        draw = random.Random(f"{seed}:{message_id}")
        hits = [hit for hit in _hits(draw, sent, links, pull) if hit.at < until]
        leaves = sent + timedelta(hours=draw.expovariate(1 / OPEN_DELAY_MEAN_H), minutes=2)
        unsubscribes = draw.random() < UNSUBSCRIBERS and leaves < until
        yield Reaction(hits=hits, unsubscribed_at=leaves if unsubscribes else None)


def _hits(draw: random.Random, sent: datetime, links: int, pull: float) -> Iterator[Hit]:
    ip = f"198.51.100.{draw.randint(1, 254)}"  # reserved for documentation (RFC 5737)
    if draw.random() < SCANNED:
        at = sent + timedelta(seconds=draw.uniform(1, 20))
        for link in range(links):
            yield Hit(at + timedelta(milliseconds=120 * link), link, SCANNER, "203.0.113.9")
    if draw.random() < PRIVACY_OPENERS:
        yield Hit(sent + timedelta(minutes=draw.uniform(1, 90)), None, APPLE_PRIVACY, "203.0.113.77")
    if draw.random() >= HUMAN_OPENERS * pull:
        return
    agent = GMAIL_PROXY if draw.random() < 0.45 else draw.choice(HUMAN_AGENTS)
    at = sent + timedelta(minutes=1, hours=draw.expovariate(1 / OPEN_DELAY_MEAN_H))
    for _ in range(1 + (draw.random() < 0.3)):
        yield Hit(at, None, agent, ip)
        at += timedelta(hours=draw.uniform(1, 30))
    if links and draw.random() < CLICKS_OF_OPENERS * pull:
        # The first link of an email is what most people follow.
        link = min(int(draw.expovariate(0.8)), links - 1)
        yield Hit(at + timedelta(seconds=draw.uniform(8, 90)), link, draw.choice(HUMAN_AGENTS), ip)
