"""A slow, obvious interpreter of sequences: one contact at a time, one tick after the other, by the words of the design.

It imports nothing of the engine, so that the two can only agree by both being right.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

GRACE = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Fate:
    """What becomes of one message: it ends `delay` ticks after it was queued.

    `end` is accepted, bounced (accepted, and known to have bounced at once), failed, skipped, unknown or cancelled;
    `click` is how long after the acceptance a human clicks, if one does; `reply` the same for a human's reply, `away` for an
    automatic one, which says that its writer is back on a day so many days later.
    """

    delay: int
    end: str = "accepted"
    click: timedelta | None = None
    reply: timedelta | None = None
    away: tuple[timedelta, int] | None = None


@dataclass
class Person:
    """One contact, as the world has made it, and what has happened to it."""

    number: int
    zone: str
    plan: str
    in_list: bool
    renewal: str | None
    tags: set[str] = field(default_factory=set)
    # What it does elsewhere: the name of the event, and when.
    events: list[tuple[str, datetime]] = field(default_factory=list)
    sent: list[tuple[int, str]] = field(default_factory=list)
    # Lanes, and actions and emails passed over (""), with their moments.
    lanes: list[tuple[str, str, datetime]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    # Its ways through the other sequence, in the order in which they began.
    elsewhere: list[str] = field(default_factory=list)
    started_once: bool = False
    end: str = "active"


@dataclass
class Mail:
    ends_at: datetime
    fate: Fate
    accepted_at: datetime | None = None
    cancelled: bool = False


class Interpreter:
    """Tells one contact's story.  `fate_of(step key, how many before)` decides what becomes of each message.

    A cold sequence ends by a human's reply; who has the tag `leaves` leaves before an email goes; in the ticks from `paused`
    nobody moves.
    """

    def __init__(
        self, steps, person, fate_of, *, start, tick, ticks, contact_id, cold=False, leaves=None, paused=(0, -1)
    ):
        self.steps, self.person, self.fate_of = steps, person, fate_of
        self.start, self.tick, self.ticks, self.contact_id = start, tick, ticks, contact_id
        self.cold, self.leaves, self.paused = cold, leaves, paused
        self.mails: dict[str, list[Mail]] = {}
        self.waits_for: Mail | None = None
        self.last: Mail | None = None
        self.back: datetime | None = None
        self.asked: list[tuple[str, bool]] = []
        self.at = steps[0]["key"] if steps else None
        self.entered = start

    def tell(self) -> Person:
        """Go through all ticks: first the engine has its turn, then the world."""
        for number in range(self.ticks):
            now = self.start + number * self.tick
            if not self.paused[0] <= number <= self.paused[1]:
                while self.person.end == "active" and self.waits_for is None and self.one_step(number, now):
                    pass
            self.world(now)
        return self.person

    def world(self, now):
        self.do_what_was_asked()
        self.mail_ends(now)
        self.replies_come(now)
        happened = [name for name, at in self.person.events if now - self.tick < at <= now]
        if any(goal in happened for goal in self.goals(self.steps)):
            self.stop("goal", now)

    def stop(self, reason, now):
        """End the way, also one whose last email still waits."""
        if self.person.end == "active":
            self.person.end = reason
            mail = self.waits_for
        elif self.person.end == "completed" and self.last is not None and self.last.ends_at > now:
            self.person.end = reason
            mail = self.last
        else:
            return
        if mail is not None and mail.ends_at > now:
            mail.cancelled = True

    def do_what_was_asked(self):
        """Start and stop the ways through the other sequence."""
        ways = self.person.elsewhere
        for deed, again in self.asked:
            if deed == "stop_sequence":
                ways[:] = ["stop_step" for _ in ways]
            elif again:
                ways.append("active")
            elif not self.person.started_once:
                self.person.started_once = True
                ways.append("active")
        self.asked = []

    def replies_come(self, now):
        for mail in [mail for mails in self.mails.values() for mail in mails]:
            if mail.accepted_at is None or mail.fate.end == "bounced":
                continue
            reply, away = mail.fate.reply, mail.fate.away
            if reply is not None and now - self.tick < mail.accepted_at + reply <= now and self.cold:
                self.stop("replied", now)
            if away is not None and now - self.tick < mail.accepted_at + away[0] <= now and self.person.end == "active":
                self.is_away(mail.accepted_at + away[0], away[1])

    def is_away(self, since, days):
        """Two weeks, or until nine on the first business day after the day of return."""
        zone = ZoneInfo(self.person.zone)
        today = since.astimezone(zone).date()
        back = since + 14 * DAY
        if 0 <= days <= 180:
            day = today + days * DAY + DAY
            while day.strftime("%a") in ("Sat", "Sun"):
                day += DAY
            back = self.first_minute(since, zone, day, time(9), 30 * DAY)
        self.back = back if self.back is None else max(self.back, back)

    @staticmethod
    def first_minute(start, zone, day, clock, within):
        """Look at the wall minute by minute for a day and time, from the day before it to the day after."""
        moment = max(start, datetime.combine(day - DAY, time(), zone)).astimezone(UTC).replace(second=0, microsecond=0)
        while moment <= min(start + within, datetime.combine(day + 2 * DAY, time(), zone)):
            local = moment.astimezone(zone)
            if (local.date(), local.hour, local.minute) == (day, clock.hour, clock.minute):
                return moment
            moment += MINUTE
        return None

    def goals(self, lane):
        """Return the events that are goals, wherever they stand."""
        for step in lane:
            if step["kind"] == "goal" and "event" in step:
                yield step["event"]
            for inner in step.get("lanes", {}).values():
                yield from self.goals(inner)

    def known(self, name, now):
        """Return when such events happened, as far as the world has told by the last tick."""
        return [at for event, at in self.person.events if event == name and at <= now - self.tick]

    def mail_ends(self, now):
        mail, last = self.waits_for, self.last
        ended = last is not None and last.ends_at <= now and not last.cancelled and last.accepted_at is None
        if ended and last.fate.end in ("accepted", "bounced"):
            last.accepted_at = now
        if mail is None or self.person.end != "active" or mail.ends_at > now:
            return
        if mail.fate.end == "cancelled":
            self.person.end = "cancelled"
            return
        if mail.fate.end in ("accepted", "bounced"):
            mail.accepted_at = now
        self.waits_for = None
        self.move(self.after(self.at), now)

    # The shape of the document

    def find(self, key, lane=None, above=None):
        """Return the lane that a step stands in, its place there, and the key of the step whose lane that is."""
        lane = self.steps if lane is None else lane
        for place, step in enumerate(lane):
            if step["key"] == key:
                return lane, place, above
            for inner in step.get("lanes", {}).values():
                found = self.find(key, inner, step["key"])
                if found:
                    return found
        return None

    def after(self, key):
        """Return the next step's key; behind the last step of a lane comes what is behind the step that has the lane."""
        lane, place, above = self.find(key)
        if place + 1 < len(lane):
            return lane[place + 1]["key"]
        return None if above is None else self.after(above)

    def order(self, lane=None):
        """Return all keys from top to bottom, lane by lane in the order of their names' meaning."""
        keys = []
        for step in self.steps if lane is None else lane:
            keys.append(step["key"])
            for inner in step.get("lanes", {}).values():
                keys += self.order(inner)
        return keys

    # One step

    def move(self, key, at):
        self.at, self.entered = key, at
        if key is None:
            self.person.end = "completed"

    def one_step(self, number, now):
        """Take one step if there is one to take; tell whether there was."""
        lane, place, _ = self.find(self.at)
        return getattr(self, lane[place]["kind"])(lane[place], number, now)

    def email(self, step, number, now):
        if "expires_after" in step and now > self.entered + step["expires_after"]:
            self.do(step, self.entered + step["expires_after"])
            return True
        if self.back is not None and self.back > now:
            return False
        if self.leaves is not None and self.leaves in self.person.tags:
            self.person.end = "exit_filter"
            return True
        before = self.mails.setdefault(step["key"], [])
        fate = self.fate_of(step["key"], len(before))
        mail = Mail(now + fate.delay * self.tick, fate)
        before.append(mail)
        self.person.sent.append((number, step["subject"]))
        if self.after(step["key"]) is None:
            self.person.end = "completed"
            self.last = mail
        else:
            self.waits_for = mail
        return True

    def do(self, step, at):
        """Note that something was done, or passed over, and go on."""
        self.person.lanes.append((step["key"], "", at))
        self.move(self.after(step["key"]), at)

    def wait(self, step, number, now):
        if step.get("calendar"):
            over = self.days_later(step["wait"], now)
        elif "wait" in step:
            over = self.entered + step["wait"]
        elif "field" in step["until"]:
            over = self.on_the_date(step["until"])
        else:
            over = self.on_the_wall(step["until"], now)
        if over is None or over > now:
            return False
        self.move(self.after(step["key"]), over)
        return True

    def days_later(self, days, now):
        """Look for the same time on the wall so many days later."""
        zone = ZoneInfo(self.person.zone)
        local = self.entered.astimezone(zone)
        found = self.on_the_day(zone, local.date() + days, local.time(), days + 2 * DAY)
        assert found is not None, "Every time comes on some day."
        return found

    def on_the_day(self, zone, day, clock, within):
        """Look for a time on a day to come; one that is left out as summer time begins comes an hour later."""
        is_left_out = datetime.combine(day, clock, zone).astimezone(UTC).astimezone(zone).time() != clock
        wanted = datetime.combine(day, clock) + timedelta(hours=is_left_out)
        return self.first_minute(self.entered, zone, wanted.date(), wanted.time(), within)

    def on_the_date(self, until):
        """Look for the day minute by minute; who has none, or whose day is past, goes on at once."""
        zone, clock = ZoneInfo(self.person.zone), time.fromisoformat(until["time"])
        if self.person.renewal is None:
            return self.entered
        day = date.fromisoformat(self.person.renewal)
        if until["yearly"]:
            day = day.replace(year=self.start.year)
        day += until["offset_days"] * DAY
        found = self.on_the_day(zone, day, clock, 40 * DAY)
        if found is None and until["yearly"]:
            return self.entered + 300 * DAY
        return self.entered if found is None else found

    def on_the_wall(self, until, now):
        """Look at the contact's clock minute by minute."""
        wanted = time.fromisoformat(until["time"])
        moment = self.entered.replace(second=0, microsecond=0)
        if moment < self.entered:
            moment += MINUTE
        while moment <= now:
            local = moment.astimezone(ZoneInfo(self.person.zone))
            if local.weekday() in until["weekdays"] and (local.hour, local.minute) == (wanted.hour, wanted.minute):
                return moment
            moment += MINUTE
        return None

    def branch(self, step, number, now):
        if step["on"] == "engagement":
            return self.engagement(step, number, now)
        if step["on"] == "event":
            since = self.entered - step["within"] if "within" in step else self.start - 1000 * self.tick
            count = sum(since < at <= self.entered for at in self.known(step["event"], now))
            return self.take(step, "yes" if count >= step["at_least"] else "no", self.entered)
        if step["on"] == "list":
            holds = self.person.in_list
        elif step["field"] == "tags":
            holds = step["value"] in self.person.tags
        else:
            holds = self.person.plan == step["value"]
        return self.take(step, "yes" if holds else "no", self.entered)

    def engagement(self, step, number, now):
        mails = self.mails.get(step["step"], [])
        mail = mails[-1] if mails else None
        if mail is None or mail.accepted_at is None or mail.fate.end == "bounced":
            return self.take(step, "undelivered", self.entered)
        closes = mail.accepted_at + step["window"]
        # The world told of it at the end of the tick in which it happened.
        engaged = [mail.accepted_at + later for later in (mail.fate.click, mail.fate.reply) if later is not None]
        engaged = [at for at in engaged if at <= now - self.tick and at <= closes]
        if engaged:
            return self.take(step, "yes", max(self.entered, min(engaged)))
        if now >= closes + GRACE:
            return self.take(step, "no", max(self.entered, closes + GRACE))
        return False

    def split(self, step, number, now):
        digest = hashlib.blake2b(f"{step['split_key']}:{self.contact_id}".encode(), digest_size=8).digest()
        bucket, upper = int.from_bytes(digest, "big") % 10_000, 0
        for lane in sorted(step["shares"]):
            upper += step["shares"][lane] * 100
            if bucket < upper:
                return self.take(step, lane, self.entered)
        raise AssertionError("The shares are 100 percent.")

    def take(self, step, lane, at):
        self.person.lanes.append((step["key"], lane, at))
        inside = step["lanes"].get(lane, [])
        self.move(inside[0]["key"] if inside else self.after(step["key"]), at)
        return True

    def action(self, step, number, now):
        person = self.person
        match step["do"]:
            case "set_field":
                person.plan = step["value"]
            case "add_to_list" | "remove_from_list" as deed:
                person.in_list = deed == "add_to_list"
            case "add_tag":
                person.tags.add(step["tag"])
            case "remove_tag":
                person.tags.discard(step["tag"])
            case "webhook" | "notify":
                person.told.append(step["key"])
            case "start_sequence" | "stop_sequence" as deed:
                self.asked.append((deed, step.get("again", False)))
        self.do(step, self.entered)
        return True

    def jump(self, step, number, now):
        self.move(step["to"], self.entered)
        return True

    def wait_for(self, step, number, now):
        over = self.entered + step["timeout"]
        events = [at for at in self.known(step["event"], now) if self.entered <= at <= over]
        if events:
            return self.take(step, "happened", min(events))
        return over <= now and self.take(step, "timeout", over)

    def goal(self, step, number, now):
        if "event" in step:
            self.move(self.after(step["key"]), self.entered)
            return True
        self.person.end = "goal"
        return True

    def exit(self, step, number, now):
        self.person.end = "exit"
        return True
