"""What one person's way was: when they entered, what they were sent, which lanes they took and why, what was done by hand."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from abtests.models import Variant
from delivery import selectors as delivery
from delivery.models import Message, MessageState
from sequences import words
from sequences.models import (
    OPEN_STATES,
    Decision,
    Enrolment,
    EnrolmentState,
    Intervened,
    Intervention,
    OutboxItem,
    OutboxKind,
    OutboxState,
    Step,
)
from team.models import AuditEntry
from team.selectors import actor_names
from tracking.models import CustomEvent

# Longer stories are shown from their newest end.
MOST = 200
# What of a message's timeline is told: the ledger's own moments.
LOOKS = {
    "queued": ("mail", "mute", "Email made"),
    "accepted": ("send", "ok", "Sent"),
    "deferred": ("clock", "warn", "Put off"),
    "failed": ("alert-triangle", "bad", "Refused"),
    "skipped": ("ban", "mute", "Not sent"),
    "cancelled": ("ban", "mute", "Cancelled"),
    "unknown": ("help-circle", "warn", "It is unknown whether it was sent"),
    "bounced": ("alert-triangle", "bad", "Bounced"),
    "complained": ("flag", "bad", "Marked as spam"),
    "opened": ("mail-opened", "info", "Opened"),
    "clicked": ("click", "info", "Clicked"),
    "replied": ("message", "ok", "Replied"),
    "unsubscribed": ("user-minus", "warn", "Unsubscribed"),
}
DEEDS = {
    Intervention.Deed.MOVE: ("arrow-right", "Moved by hand"),
    Intervention.Deed.SKIP: ("player-play", "Wait skipped by hand"),
    Intervention.Deed.STOP: ("player-stop", "Stopped by hand"),
    Intervention.Deed.RESTART: ("refresh", "Started again by hand"),
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing on the way; `kind` is stable, `step` the key of the step that it is about ("" for none)."""

    at: datetime
    kind: str
    title: str
    detail: str = ""
    step: str = ""
    rotation: int = 0
    icon: str = field(default="point", compare=False)
    tone: str = field(default="mute", compare=False)
    message_id: int | None = None


def history_of(enrolment: Enrolment) -> list[Happening]:
    """Return what happened, newest first: a fixed number of queries, however long the way was."""
    steps = list(_steps(enrolment))
    labels = words.labels_of(steps)
    found = [
        Happening(enrolment.enrolled_at, "entered", "Entered the sequence", icon="user-plus", tone="info"),
        *_decided(enrolment, steps, labels),
        *_told(enrolment, labels),
        *_mailed(enrolment, labels),
        *_happened(enrolment),
        *_by_hand(enrolment, labels),
        *_standing(enrolment, labels),
    ]
    return sorted(found, key=lambda happening: happening.at)[::-1][:MOST]


def messages_of(enrolment: Enrolment) -> list[Message]:
    """Return the messages that were made for an enrolment, oldest first (by the index of messages by contact)."""
    messages = delivery.messages_to(enrolment.sequence.workspace, enrolment.contact_id)
    return list(messages.filter(key__startswith=f"e{enrolment.pk}:").order_by("id")[:MOST])


def _steps(enrolment: Enrolment) -> Iterable[Step]:
    """Return the steps of all published versions: a later one may have lost the step that is told of; the newest comes last."""
    steps = Step.objects.filter(version__sequence=enrolment.sequence_id, version__published_at__isnull=False)
    return steps.select_related("template_version").order_by("version__number", "lane", "position")


def _decided(enrolment: Enrolment, steps: Iterable[Step], labels: dict[str, str]) -> Iterable[Happening]:
    by_key = {step.key: step for step in steps}
    names = words.names_for(by_key.values())
    for decision in Decision.objects.filter(enrolment=enrolment).order_by("-id")[:MOST]:
        step = by_key.get(decision.step_key)
        kind = step.kind if step else ""
        if not decision.lane:
            label = labels.get(decision.step_key, "A step that is gone")
            key, rotation = decision.step_key, decision.rotation
            yield Happening(decision.decided_at, "acted", label, _deed(decision.inputs), key, rotation, "bolt", "info")
            continue
        why = words.decision_words(kind, decision.lane, decision.inputs, names)
        title = labels.get(decision.step_key, "A step that is gone")
        if decision.lane:
            title += f" → {words.lane_label(decision.lane)}"
        key, rotation = decision.step_key, decision.rotation
        yield Happening(decision.decided_at, "decided", title, why, key, rotation, "git-branch", "purple")


def _deed(inputs: dict[str, Any]) -> str:
    """Return what an action did, or why an email was passed over."""
    if inputs.get("skipped") == "expired":
        return "Passed over: it could not be sent in time"
    if inputs.get("refused"):
        return "Refused: too many sequences have started each other"
    if inputs.get("do") == "set_field":
        if not inputs.get("changed"):
            return f"{inputs['field']} was {_value(inputs['value'])} already"
        return f"{inputs['field']}: {_value(inputs['before'])} → {_value(inputs['value'])}"
    return ""


def _value(value: Any) -> str:
    return "empty" if value is None or value == "" else str(value)


def _told(enrolment: Enrolment, labels: dict[str, str]) -> Iterable[Happening]:
    for item in OutboxItem.objects.filter(enrolment=enrolment).order_by("-id")[:MOST]:
        label = labels.get(item.step_key, "A step that is gone")
        to = f" ({item.target})" if item.kind == OutboxKind.WEBHOOK else ""
        match item.state:
            case OutboxState.DONE:
                looks, title, why = ("check", "ok"), f"{label}: delivered", f"{item.get_kind_display()}{to}"
            case OutboxState.FAILED:
                looks, title, why = ("alert-triangle", "bad"), f"{label}: given up", f"{item.error}{to}"
            case _ if item.error:
                looks, title, why = ("clock", "warn"), f"{label}: tried again", f"{item.error}{to}"
            case _:
                continue
        yield Happening(item.finished_at or item.due_at, "told", title, why, item.step_key, item.rotation, *looks)


def _mailed(enrolment: Enrolment, labels: dict[str, str]) -> Iterable[Happening]:
    messages = {message.pk: message for message in messages_of(enrolment)}
    versions = _versions(messages.values())
    for moment in delivery.timelines(messages.values()):
        message = messages[moment.message_id]
        _, key, rotation = message.key.split(":")
        icon, tone, title = LOOKS.get(moment.kind, ("mail", "mute", moment.title))
        subject = f"“{message.mailing.subject}”"
        detail = " ".join(filter(None, (subject, versions.get(message.mailing_id, ""), moment.detail)))
        yield Happening(moment.at, moment.kind, title, detail, key, int(rotation), icon, tone, message.pk)
    unsent = (MessageState.SKIPPED, MessageState.CANCELLED)
    for message in messages.values():
        if message.state in unsent:
            state = MessageState(message.state).name.lower()
            icon, tone, title = LOOKS[state]
            subject = " ".join(filter(None, (f"“{message.mailing.subject}”", versions.get(message.mailing_id, ""))))
            why = f"{subject} {delivery.why(message).sentence}"
            _, key, rotation = message.key.split(":")
            at = max(message.created_at, enrolment.enrolled_at)
            yield Happening(at, state, title, why, key, int(rotation), icon, tone, message.pk)


def _versions(messages: Iterable[Message]) -> dict[int, str]:
    """Return which version of an A/B test a mailing is, for those that are one."""
    names = Variant.objects.filter(mailing__in={message.mailing_id for message in messages})
    return {
        mailing_id: f"(version {name})" for mailing_id, name in names.values_list("mailing_id", "name") if mailing_id
    }


def _happened(enrolment: Enrolment) -> Iterable[Happening]:
    events = CustomEvent.objects.filter(contact_id=enrolment.contact_id, occurred_at__gte=enrolment.enrolled_at)
    for event in events.order_by("-occurred_at")[:MOST]:
        detail = ", ".join(f"{name}: {value}" for name, value in sorted(event.properties.items())[:10])
        yield Happening(event.occurred_at, "event", f"Event “{event.name}”", detail[:500], icon="bolt", tone="info")


def _by_hand(enrolment: Enrolment, labels: dict[str, str]) -> Iterable[Happening]:
    rows = list(Intervened.objects.filter(enrolment=enrolment).select_related("intervention").order_by("-id")[:MOST])
    actors = _actors({row.intervention_id for row in rows})
    for row in rows:
        deed = row.intervention
        icon, title = DEEDS[Intervention.Deed(deed.deed)]
        where = (
            ""
            if deed.deed in (Intervention.Deed.STOP, Intervention.Deed.RESTART)
            else labels.get(row.after["step"], "")
        )
        by = actors.get(deed.pk, "")
        detail = " ".join(filter(None, (where and f"To “{where}”.", by and f"By {by}.")))
        yield Happening(deed.made_at, deed.deed, title, detail, row.after["step"], icon=icon, tone="warn")
        if deed.undone_at:
            yield Happening(deed.undone_at, "undone", "Taken back", f"{title}.", icon="arrow-back-up", tone="mute")


def _actors(intervention_ids: Iterable[int]) -> dict[int, str]:
    """Return who did it, as the audit trail knows."""
    ids = [str(pk) for pk in intervention_ids]
    if not ids:
        return {}
    entries = AuditEntry.objects.filter(table=Intervention._meta.db_table, row_id__in=ids, action="INSERT")
    found: dict[int, str] = {int(row_id): actor for row_id, actor in entries.values_list("row_id", "actor")}
    names = actor_names(found.values())
    return {pk: names[actor] for pk, actor in found.items()}


def _standing(enrolment: Enrolment, labels: dict[str, str]) -> Iterable[Happening]:
    """Return how the way ended, or where they came to stand."""
    label = labels.get(enrolment.step_key, "A step that is gone")
    at, key, rotation = enrolment.entered_step_at, enrolment.step_key, enrolment.rotation
    if enrolment.state in OPEN_STATES:
        yield Happening(at, "stands", f"Came to “{label}”", "", key, rotation, "map-pin", "info")
    elif enrolment.state == EnrolmentState.COMPLETED:
        why = words.reason_words(enrolment.reason)
        yield Happening(at, "completed", "Came to the end", why, key, rotation, "flag", "ok")


def next_words(enrolment: Enrolment) -> str:
    """Return what somebody who is on the way waits for, a sentence; "" for those who have ended."""
    if enrolment.state not in OPEN_STATES:
        return ""
    if enrolment.state == EnrolmentState.HELD:
        return "Held: the sequence is paused, or the mailbox is to be replaced."
    if enrolment.reason:
        return f"{words.reason_words(enrolment.reason)}."
    if enrolment.due_at is None:
        return "Waits for the email to be accepted by the receiving server."
    return ""


def as_dict(happening: Happening) -> dict[str, Any]:
    """Return a happening as the API shows it."""
    return {
        "at": happening.at,
        "kind": happening.kind,
        "title": happening.title,
        "detail": happening.detail,
        "step_key": happening.step,
        "rotation": happening.rotation,
        "message": happening.message_id,
    }
