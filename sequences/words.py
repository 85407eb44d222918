"""Steps, lanes, decisions and ends in plain words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from contacts.models import List, Segment
from sequences.models import Step, StepKind

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LANES = {
    "yes": "Yes",
    "no": "No",
    "undelivered": "Not delivered",
    "happened": "It happened",
    "timeout": "Timeout",
}
# Why a way ended, or why somebody is held: the codes of `Enrolment.reason`.
REASONS = {
    "exit": "Came to an exit",
    "goal": "Reached the goal",
    "replied": "Replied",
    "manual": "Stopped by hand",
    "suppressed": "The address is suppressed",
    "cancelled": "The email was cancelled",
    "closed": "The sequence was closed",
    "edited": "The steps were changed, and everybody’s way ended",
    "test": "Waits for the end of the A/B test",
    "send_time": "Waits for the hour of their version of the A/B test",
    "cannot_ask": "The step can’t ask: what it asks about is gone",
}


# What a reply does: the values of `Sequence.on_reply`.
REPLIES = {
    "go_on": "Replies end nothing",
    "stop": "A reply ends it",
    "stop_domain": "A reply ends it for the whole company",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What the lists and segments that steps point at are called, and the labels of the steps themselves."""

    lists: Mapping[int, str] = field(default_factory=dict)
    segments: Mapping[int, str] = field(default_factory=dict)
    subjects: Mapping[str, str] = field(default_factory=dict)

    def list(self, pk: object) -> str:
        """Return a list's name in quotes."""
        return f"“{self.lists[pk]}”" if isinstance(pk, int) and pk in self.lists else "a list that is gone"

    def segment(self, pk: object) -> str:
        """Return a segment's name in quotes."""
        return f"“{self.segments[pk]}”" if isinstance(pk, int) and pk in self.segments else "a segment that is gone"

    def email(self, key: object) -> str:
        """Return an email step's subject in quotes."""
        return f"“{self.subjects[key]}”" if isinstance(key, str) and key in self.subjects else "an email"


def names_for(steps: Iterable[Step]) -> Names:
    """Return the names that the labels of these steps need, in at most two queries."""
    known = list(steps)
    lists = {step.config["list"] for step in known if isinstance(step.config.get("list"), int)}
    segments = {step.config["segment"] for step in known if isinstance(step.config.get("segment"), int)}
    return Names(
        dict(List.objects.filter(pk__in=lists).values_list("pk", "name")) if lists else {},
        dict(Segment.objects.filter(pk__in=segments).values_list("pk", "name")) if segments else {},
        {step.key: subject_of(step) for step in known if step.kind == StepKind.EMAIL},
    )


def labels_of(steps: Iterable[Step]) -> dict[str, str]:
    """Return what to call each step, by its key."""
    known = list(steps)
    names = names_for(known)
    return {step.key: label_of(step, names) for step in known}


def subject_of(step: Step) -> str:
    """Return an email step's subject as written."""
    origin = step.template_version
    return step.subject or (origin.subject if origin else "") or "Email without a subject"


def label_of(step: Step, names: Names) -> str:
    """Return what to call a step: "Wait 2 days", "Clicked “Hello”?"."""
    config = step.config
    match step.kind:
        case StepKind.EMAIL:
            return subject_of(step)
        case StepKind.WAIT:
            return _wait(step)
        case StepKind.WAIT_FOR:
            return f"Wait for “{config.get('event', '…')}”"
        case StepKind.BRANCH:
            return _branch(config, names)
        case StepKind.SPLIT:
            return "Random split"
        case StepKind.ACTION:
            return _action(config, names)
        case StepKind.GOAL:
            return f"Goal: “{config['event']}”" if config.get("event") else "Goal"
        case StepKind.JUMP:
            return f"Go on at {names.email(config.get('to')) if config.get('to') in names.subjects else 'another step'}"
    return str(StepKind(step.kind).label)


def lane_label(lane: str) -> str:
    """Return what to call a lane: "Yes", "Not delivered", "B"."""
    return LANES.get(lane) or (lane.upper() if len(lane) == 1 else lane.replace("_", " ").capitalize())


def reason_words(reason: str) -> str:
    """Return the words of `Enrolment.reason`; "" for none."""
    return REASONS.get(reason, reason.replace("_", " ").capitalize())


def rules_words(on_reply: str, leaving: str) -> str:
    """Return a sequence's rules in one line; `leaving` says who leaves before an email goes, "" for nobody."""
    return f"{REPLIES[on_reply]} · Leaves early: {leaving}" if leaving else REPLIES[on_reply]


def duration_words(length: timedelta | None) -> str:
    """Return a length as people say it: "2 days", "1 hour 30 minutes"."""
    seconds = int(length.total_seconds()) if length else 0
    if not seconds:
        return "no time"
    parts = []
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count:,} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts[:2])


def decision_words(kind: str, lane: str, inputs: Mapping[str, Any], names: Names) -> str:
    """Return why somebody went into a lane, from the inputs that were kept."""
    if inputs.get("by_hand"):
        return "The wait was skipped by hand."
    if "engaged_at" in inputs:
        return _engaged(inputs)
    if "message_state" in inputs:
        return (
            "The email it asks about bounced." if inputs.get("bounced_at") else "The email it asks about never arrived."
        )
    if "event_id" in inputs:
        return "The event happened." if inputs["event_id"] else "The event did not happen in time."
    if "at_least" in inputs:
        count = inputs["at_least"]
        return f"{count or 'No'} such event{'' if count == 1 else 's'} by then."
    if "bucket" in inputs:
        return f"Drawn by lot: {inputs['bucket'] / 100:.2f} of 100."
    if "field" in inputs:
        found = inputs.get("found")
        return f"“{inputs['field'].removeprefix('custom.')}” was {'empty' if found in (None, '') else f'“{found}”'}."
    where = names.segment(inputs["segment"]) if "segment" in inputs else names.list(inputs.get("list"))
    return f"{'In' if inputs.get('holds') else 'Not in'} {where}."


def _engaged(inputs: Mapping[str, Any]) -> str:
    if moment := parse_datetime(str(inputs["engaged_at"] or "")):
        return f"Reacted on {moment:%-d %b %Y, %H:%M} UTC."
    return "No reaction within the time."


def _wait(step: Step) -> str:
    until = step.config.get("until")
    if not until:
        words = f"Wait {duration_words(step.wait)}" if step.wait else "Wait"
        return f"{words} by the calendar" if step.config.get("calendar") else words
    if until.get("field"):
        days = until.get("offset_days", 0)
        offset = f"{abs(days)} day{'' if abs(days) == 1 else 's'} {'before' if days < 0 else 'after'} " if days else ""
        return f"Wait until {offset}{until['field']}"
    days = [DAYS[day] for day in until.get("weekdays", ())]
    return f"Wait until {' or '.join(days) or '…'}, {until.get('time', '09:00')}"


def _branch(config: Mapping[str, Any], names: Names) -> str:
    match config.get("on"):
        case "engagement":
            verbs = [
                word
                for name, word, usual in (
                    ("clicks", "clicked", True),
                    ("replies", "replied to", True),
                    ("opens", "opened", False),
                )
                if config.get(name, usual)
            ]
            words = f"{' or '.join(verbs)} {names.email(config.get('step'))}?"
            return words[:1].upper() + words[1:]
        case "field":
            return f"{str(config.get('field', '')).removeprefix('custom.')} {_operator(config)}?"
        case "segment":
            return f"In segment {names.segment(config.get('segment'))}?"
        case "list":
            return f"In list {names.list(config.get('list'))}?"
        case "event":
            count = config.get("at_least", 1)
            return f"“{config.get('event', '…')}” happened{f' {count} times' if count > 1 else ''}?"
    return "Branch"


def _operator(config: Mapping[str, Any]) -> str:
    value = config.get("value")
    words = str(config.get("operator", "")).replace("_", " ")
    return words if value is None else f"{words} {value}"


def _action(config: Mapping[str, Any], names: Names) -> str:
    match config.get("do"):
        case "add_to_list":
            return f"Add to list {names.list(config.get('list'))}"
        case "remove_from_list":
            return f"Remove from list {names.list(config.get('list'))}"
        case "set_field":
            value = config.get("value")
            return (
                f"Empty {config.get('field', '…')}" if value is None else f"Set {config.get('field', '…')} to {value}"
            )
        case "add_tag" | "remove_tag" as deed:
            return f"{'Add' if deed == 'add_tag' else 'Remove'} the tag “{config.get('tag', '…')}”"
    return {
        "webhook": "Call a webhook",
        "notify": "Notify the team",
        "start_sequence": "Start another sequence",
        "stop_sequence": "Stop another sequence",
    }.get(str(config.get("do")), "Action")
