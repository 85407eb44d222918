"""What a campaign has brought about: how many did something after it, of those who got it and of those who were held out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from abtests.intervals import newcombe
from campaigns.models import Campaign, HeldOut
from sequences import selectors as sequences


@dataclass(frozen=True, slots=True)
class Side:
    """People whose days are over, and how many of them did what counts."""

    people: int = 0
    converted: int = 0

    @property
    def rate(self) -> float | None:
        """The share of people; None without people: no data is not zero."""
        return self.converted / self.people if self.people else None


@dataclass(frozen=True, slots=True)
class Lift:
    """Those who got the campaign and those whom it held out by its own share, in the days after each one's own entry.

    `unripe` are people of both whose days are not over: they don't count yet; `first_at` is when the first ones will.  `by_group` were
    held out by the workspace's group: of all campaigns, so they say nothing about this one.
    """

    event: str
    days: int
    mailed: Side = Side()
    held_out: Side = Side()
    unripe: int = 0
    first_at: datetime | None = None
    by_group: int = 0

    @property
    def is_known(self) -> bool:
        """Whether there is anything to compare."""
        return bool(self.event and self.mailed.people and self.held_out.people)

    @property
    def difference(self) -> float | None:
        """How much higher the rate of those who got it is, as a share of people."""
        mailed, held = self.mailed.rate, self.held_out.rate
        return mailed - held if self.is_known and mailed is not None and held is not None else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the difference."""
        if not self.is_known:
            return None
        mailed, held = self.mailed, self.held_out
        return newcombe((mailed.converted, mailed.people), (held.converted, held.people))

    @property
    def brought(self) -> tuple[float, float, float] | None:
        """How many people did it because of the campaign: the estimate, and the 95 % interval."""
        if self.difference is None or self.interval is None:
            return None
        low, high = self.interval
        people = self.mailed.people
        return self.difference * people, low * people, high * people

    @property
    def is_proven(self) -> bool:
        """Whether the interval leaves out "no difference"."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)

    @property
    def sentence(self) -> str:
        """What the numbers say, for people."""
        if not self.event:
            return "Choose the event that the campaign is meant to bring about."
        if not self.held_out.people and not self.mailed.people and self.unripe:
            return f"Nobody’s {_days(self.days)} are over yet."
        if self.interval is None or self.difference is None:
            return "There is nothing to compare yet."
        low, high = self.interval
        of_hundred = f"between {_hundred(abs(low))} and {_hundred(abs(high))} of 100 people"
        if low > 0:
            return f"It works: {of_hundred} did “{self.event}” because they got it (95 % sure)."
        if high < 0:
            less = f"between {_hundred(abs(high))} and {_hundred(abs(low))} of 100 people"
            return f"It does harm: {less} did not do “{self.event}” because they got it (95 % sure)."
        return (
            f"No effect is proven: of 100 people who got it, between {_hundred(low)} and {_hundred(high)} more did"
            f" “{self.event}” than without it (95 % sure)."
        )


def lift_of(campaign: Campaign, *, event: str = "", days: int = 0, now: datetime) -> Lift:
    """Compare the campaign's sides by an event and days (its own by default).

    Three passes over the campaign's people; the events are found by their name.  Who got it counts by their first entry, also if the
    mail bounced: those held out would have had such addresses, too.
    """
    event, days = event or campaign.holdout_event, days or campaign.holdout_days
    held = HeldOut.objects.filter(campaign=campaign)
    by_group = held.filter(cause=HeldOut.Cause.GROUP).count()
    if not event or not held.filter(cause=HeldOut.Cause.CAMPAIGN).exists():
        return Lift(event, days, by_group=by_group)
    arguments = {
        "campaign": campaign.pk,
        "workspace": campaign.workspace_id,
        "sequence": campaign.sequence_id,
        "mailings": sequences.mailing_ids(campaign.sequence),
        "own": HeldOut.Cause.CAMPAIGN,
        "event": event,
        "span": timedelta(days=days),
        "now": now,
    }
    mailed, waiting, first = _side(_MAILED, arguments)
    held_out, waiting_too, first_too = _side(_HELD_OUT, arguments)
    firsts = [moment + timedelta(days=days) for moment in (first, first_too) if moment is not None]
    return Lift(event, days, mailed, held_out, waiting + waiting_too, min(firsts, default=None), by_group)


_MAILED = """
    SELECT entries.contact_id, min(entries.at) AS since FROM (
        SELECT m.contact_id, m.created_at AS at FROM delivery_message m
        WHERE m.mailing_id = ANY (%(mailings)s) AND NOT m.is_test AND m.contact_id IS NOT NULL
        UNION ALL
        SELECT e.contact_id, e.enrolled_at FROM sequences_enrolment e WHERE e.sequence_id = %(sequence)s
    ) entries
    WHERE NOT EXISTS (
        SELECT FROM campaigns_heldout h WHERE h.campaign_id = %(campaign)s AND h.contact_id = entries.contact_id)
    GROUP BY entries.contact_id
"""
_HELD_OUT = """
    SELECT h.contact_id, h.held_at AS since FROM campaigns_heldout h
    WHERE h.campaign_id = %(campaign)s AND h.cause = %(own)s
"""


def _side(people: str, arguments: dict[str, Any]) -> tuple[Side, int, datetime | None]:
    """Return those whose days are over, how many others there are, and when the first of these came."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH people AS MATERIALIZED ({people}), converted AS (
                SELECT count(DISTINCT p.contact_id) AS many FROM tracking_customevent v
                JOIN people p ON p.contact_id = v.contact_id AND p.since <= %(now)s - %(span)s
                WHERE v.workspace_id = %(workspace)s AND v.name = %(event)s
                    AND v.occurred_at >= p.since AND v.occurred_at < p.since + %(span)s
            )
            SELECT count(*) FILTER (WHERE since <= %(now)s - %(span)s), (SELECT many FROM converted),
                count(*) FILTER (WHERE since > %(now)s - %(span)s), min(since) FILTER (WHERE since > %(now)s - %(span)s)
            FROM people
            """,  # noqa: S608 - constants of this module
            arguments,
        )
        ripe, converted, unripe, first = cursor.fetchone()
    return Side(ripe, converted), unripe, first


def _hundred(share: float) -> str:
    """A share as people of 100, with as many digits as say something."""
    many = share * 100
    text = f"{many:.1f}" if abs(many) >= 1 else f"{many:.2f}"
    return text.rstrip("0").rstrip(".").replace("-", "−") if float(text) else "0"


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
