"""A slow, obvious interpreter of sequences: one contact at a time, one tick after the other, by the words of the design.

It imports nothing of the engine, so that the two can only agree by both being right.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

GRACE = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Fate:
    """What becomes of one message: it ends `delay` ticks after it was queued.

    `end` is accepted, bounced (accepted, and known to have bounced at once), failed, skipped, unknown or cancelled;
    `click` is how long after the acceptance a human clicks, if one does.
    """

    delay: int
    end: str = "accepted"
    click: timedelta | None = None


@dataclass
class Person:
    """One contact, as the world has made it, and what has happened to it."""

    number: int
    zone: str
    plan: str
    in_list: bool
    # What it does elsewhere: the name of the event, and when.
    events: list[tuple[str, datetime]] = field(default_factory=list)
    sent: list[tuple[int, str]] = field(default_factory=list)
    lanes: list[tuple[str, str]] = field(default_factory=list)
    end: str = "active"


@dataclass
class Mail:
    ends_at: datetime
    fate: Fate
    accepted_at: datetime | None = None


class Interpreter:
    """Tells one contact's story.  `fate_of(step key, how many before)` decides what becomes of each message."""

    def __init__(self, steps, person, fate_of, *, start, tick, ticks, contact_id):
        self.steps, self.person, self.fate_of = steps, person, fate_of
        self.start, self.tick, self.ticks, self.contact_id = start, tick, ticks, contact_id
        self.mails: dict[str, list[Mail]] = {}
        self.waits_for: Mail | None = None
        self.at = steps[0]["key"] if steps else None
        self.entered = start

    def tell(self) -> Person:
        """Go through all ticks: first the engine has its turn, then the world."""
        for number in range(self.ticks):
            now = self.start + number * self.tick
            while self.person.end == "active" and self.waits_for is None and self.one_step(number, now):
                pass
            self.world(now)
        return self.person

    def world(self, now):
        self.mail_ends(now)
        happened = [name for name, at in self.person.events if now - self.tick < at <= now]
        if self.person.end == "active" and any(goal in happened for goal in self.goals(self.steps)):
            self.person.end = "goal"

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
        mail = self.waits_for
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
        before = self.mails.setdefault(step["key"], [])
        fate = self.fate_of(step["key"], len(before))
        mail = Mail(now + fate.delay * self.tick, fate)
        before.append(mail)
        self.person.sent.append((number, step["subject"]))
        if self.after(step["key"]) is None:
            self.person.end = "completed"
        else:
            self.waits_for = mail
        return True

    def wait(self, step, number, now):
        over = self.entered + step["wait"] if "wait" in step else self.on_the_wall(step["until"], now)
        if over is None or over > now:
            return False
        self.move(self.after(step["key"]), over)
        return True

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
        holds = self.person.in_list if step["on"] == "list" else self.person.plan == step["value"]
        return self.take(step, "yes" if holds else "no", self.entered)

    def engagement(self, step, number, now):
        mails = self.mails.get(step["step"], [])
        mail = mails[-1] if mails else None
        if mail is None or mail.accepted_at is None or mail.fate.end == "bounced":
            return self.take(step, "undelivered", self.entered)
        closes = mail.accepted_at + step["window"]
        if mail.fate.click is not None:
            clicked = mail.accepted_at + mail.fate.click
            # The world told of it at the end of the tick in which it happened.
            if clicked <= now - self.tick and clicked <= closes:
                return self.take(step, "yes", max(self.entered, clicked))
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
        self.person.lanes.append((step["key"], lane))
        inside = step["lanes"].get(lane, [])
        self.move(inside[0]["key"] if inside else self.after(step["key"]), at)
        return True

    def action(self, step, number, now):
        if step["do"] == "set_field":
            self.person.plan = step["value"]
        else:
            self.person.in_list = step["do"] == "add_to_list"
        self.move(self.after(step["key"]), self.entered)
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
