"""What a trigger is made of: how settings are read, and what is still missing in them.

As the API takes and shows it: `kind` and the settings of that kind, `reentry` with `entry_property` or `gap`, `filter` (a
segment's definition).  Settings of another kind are emptied.
"""

from collections.abc import Callable, Mapping
from datetime import time, timedelta
from typing import Any

from django.utils.dateparse import parse_duration, parse_time

from campaigns.exceptions import InvalidCampaign
from campaigns.models import Campaign, Outcome, Reentry, SignUpForm, Trigger, TriggerKind
from contacts import selectors as contacts
from contacts.exceptions import InvalidSegment
from contacts.models import ContactField, FieldType
from core.exceptions import NotFound
from team.models import Workspace

MAX_NAME = 100
MAX_FILTERS = 20
MAX_DAYS = 3_650
SHORTEST_GAP = timedelta(minutes=1)
LONGEST_GAP = timedelta(days=3_650)

# The settings that each kind has beside those that all have.
SETTINGS: dict[str, tuple[str, ...]] = {
    TriggerKind.EVENT: ("event", "where"),
    TriggerKind.LIST: ("list", "include_current"),
    TriggerKind.SEGMENT: ("segment", "include_current"),
    TriggerKind.DATE: ("field", "days", "at", "yearly"),
    TriggerKind.FORM: ("form",),
    TriggerKind.OUTCOME: ("source", "outcome"),
}
COMMON = ("reentry", "entry_property", "gap", "entry_filter")
# How the API spells them.
SPELLED = {"source": "campaign", "entry_filter": "filter"}


def checked_trigger(workspace: Workspace, given: object) -> dict[str, Any]:
    """Return the columns of a trigger.  What is left out is empty; what is missing is told by `missing_in`.

    Raises InvalidCampaign, whose `fields` ("trigger.days") name what can't be.
    """
    if not isinstance(given, Mapping):
        raise InvalidCampaign("A trigger is an object.", fields={"trigger": ["This must be an object."]})
    return _Reader(workspace, given).read()


def missing_in(trigger: Trigger) -> list[str]:
    """Return what is still to be chosen before it can start, as sentences."""
    missing: list[str] = []
    match trigger.kind:
        case TriggerKind.EVENT if not trigger.event:
            missing.append("Name the event that lets contacts in.")
        case TriggerKind.LIST if trigger.list_id is None:
            missing.append("Choose the list that contacts enter.")
        case TriggerKind.SEGMENT if trigger.segment_id is None:
            missing.append("Choose the segment that contacts enter.")
        case TriggerKind.DATE if not trigger.field:
            missing.append("Choose the date field.")
        case TriggerKind.FORM if trigger.form_id is None:
            missing.append("Choose the sign-up form.")
        case TriggerKind.OUTCOME if trigger.source_id is None or not trigger.outcome:
            missing.append("Choose the other campaign and its outcome.")
    if trigger.reentry == Reentry.KEY and not trigger.entry_property:
        missing.append("Name the property of which each value enters once.")
    if trigger.reentry == Reentry.GAP and trigger.gap is None:
        missing.append("Say how long after the last entry a contact may enter again.")
    return missing


def trigger_document(trigger: Trigger) -> dict[str, Any]:
    """Return the trigger as the API shows and takes it."""
    document: dict[str, Any] = {"kind": trigger.kind}
    for name in SETTINGS[trigger.kind]:
        value = getattr(trigger, f"{name}_id" if name in ("list", "segment", "form", "source") else name)
        document[SPELLED.get(name, name)] = f"{value:%H:%M}" if isinstance(value, time) else value
    document["reentry"] = trigger.reentry
    if trigger.reentry == Reentry.KEY:
        document["entry_property"] = trigger.entry_property
    if trigger.reentry == Reentry.GAP:
        document["gap"] = f"PT{int(trigger.gap.total_seconds())}S" if trigger.gap else None
    document["filter"] = trigger.entry_filter or None
    return document


class _Reader:
    def __init__(self, workspace: Workspace, given: Mapping[str, Any]) -> None:
        self.workspace = workspace
        self.given = given
        self.errors: dict[str, list[str]] = {}

    def read(self) -> dict[str, Any]:
        kind = self.given.get("kind", TriggerKind.EVENT)
        if kind not in TriggerKind.values:
            self.fail("kind", f"One of {', '.join(TriggerKind.values)}.")
            kind = TriggerKind.EVENT
        allowed = {SPELLED.get(name, name) for name in (*SETTINGS[kind], *COMMON)} | {"kind"}
        for name in set(self.given) - allowed:
            self.fail(str(name)[:60], "A trigger of this kind has no such setting.")
        read: dict[str, Callable[[], Any]] = {
            "event": lambda: self.text("event"),
            "where": self.where,
            "list": lambda: self.own("list", contacts.list_in),
            "segment": lambda: self.own("segment", contacts.segment_in),
            "form": lambda: self.own("form", _form_in),
            "field": self.date_field,
            "days": self.days,
            "at": self.at,
            "yearly": lambda: self.flag("yearly"),
            "source": lambda: self.own("campaign", _campaign_in),
            "outcome": lambda: self.choice("outcome", Outcome.values),
            "include_current": lambda: self.flag("include_current"),
            "reentry": lambda: self.choice("reentry", Reentry.values) or Reentry.ONCE,
            "entry_property": lambda: self.text("entry_property"),
            "gap": self.gap,
            "entry_filter": self.filter,
        }
        columns: dict[str, Any] = {"kind": kind}
        blank = Trigger(kind=kind)
        for name, reader in read.items():
            used = name in COMMON or name in SETTINGS[kind]
            columns[name] = reader() if used else getattr(blank, name, None)
        self._check_reentry(columns)
        if self.errors:
            name, messages = next(iter(self.errors.items()))
            raise InvalidCampaign(f"{name}: {messages[0]}", fields=self.errors)
        return columns

    def _check_reentry(self, columns: dict[str, Any]) -> None:
        """Only an event has properties; a yearly date has its own rule."""
        if columns["reentry"] == Reentry.KEY and columns["kind"] != TriggerKind.EVENT:
            self.fail("reentry", "Only an event has properties; choose once, or again after a while.")
        if columns["reentry"] != Reentry.KEY:
            columns["entry_property"] = ""
        if columns["reentry"] != Reentry.GAP:
            columns["gap"] = None
        if columns["yearly"] and columns["reentry"] != Reentry.ONCE:
            self.fail("reentry", "A yearly date lets everybody in once a year; no other rule can be added.")

    def fail(self, name: str, message: str) -> None:
        self.errors.setdefault(f"trigger.{name}", []).append(message)

    def text(self, name: str) -> str:
        value = self.given.get(name) or ""
        if not isinstance(value, str) or len(value.strip()) > MAX_NAME or "\x00" in value:
            self.fail(name, f"This must be a text of at most {MAX_NAME} letters.")
            return ""
        return value.strip()

    def where(self) -> dict[str, Any]:
        value = self.given.get("where") or {}
        if not isinstance(value, Mapping) or len(value) > MAX_FILTERS:
            self.fail("where", f"This must be an object of at most {MAX_FILTERS} properties.")
            return {}
        for key, wanted in value.items():
            if not isinstance(wanted, str | int | float | bool) or len(str(wanted)) > 1_000 or len(str(key)) > MAX_NAME:
                self.fail("where", "A property is compared with a text, a number, true or false.")
                return {}
        return dict(value)

    def own(self, name: str, find: Callable[[Workspace, int], Any]) -> Any:
        value = self.given.get(name)
        if value in (None, ""):
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**63:
            self.fail(name, "Give an id.")
            return None
        try:
            return find(self.workspace, value)
        except NotFound as error:
            self.fail(name, error.message)
            return None

    def date_field(self) -> str:
        key = self.text("field")
        fields = ContactField.objects.filter(workspace=self.workspace, key=key, type=FieldType.DATE)
        if key and not fields.exists():
            self.fail("field", "This workspace has no such date field.")
        return key

    def days(self) -> int:
        value = self.given.get("days", 0)
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_DAYS:
            self.fail("days", f"A whole number of days, at most {MAX_DAYS:,} before (below 0) or after.")
            return 0
        return value

    def at(self) -> time:
        value = self.given.get("at", "09:00")
        parsed = _parsed(parse_time, value)
        if parsed is None or parsed.tzinfo is not None:
            self.fail("at", "Give a time as 09:00.")
            return time(9)
        return parsed

    def gap(self) -> timedelta | None:
        value = self.given.get("gap")
        if value in (None, ""):
            return None
        parsed = value if isinstance(value, timedelta) else _parsed(parse_duration, value)
        if parsed is None or not SHORTEST_GAP <= parsed <= LONGEST_GAP:
            self.fail("gap", "Give a duration as P30D or PT12H: a minute at least, ten years at most.")
            return None
        return parsed

    def flag(self, name: str) -> bool:
        value = self.given.get(name, False)
        if not isinstance(value, bool):
            self.fail(name, "This must be true or false.")
            return False
        return value

    def choice(self, name: str, allowed: list[str]) -> str:
        value = self.given.get(name) or ""
        if value and value not in allowed:
            self.fail(name, f"One of {', '.join(allowed)}.")
            return ""
        return str(value)

    def filter(self) -> dict[str, Any]:
        value = self.given.get("filter")
        if not value:
            return {}
        try:
            checked = contacts.checked_definition(self.workspace.pk, value)
        except InvalidSegment as error:
            for path, messages in error.fields.items():
                self.errors.setdefault(f"trigger.filter.{path}".rstrip("."), []).extend(messages)
            return {}
        return checked if checked.get("conditions") else {}


def _parsed[ValueT](parse: Callable[[str], ValueT | None], value: object) -> ValueT | None:
    try:
        return parse(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def _form_in(workspace: Workspace, form_id: int) -> SignUpForm:
    found = SignUpForm.objects.filter(workspace=workspace, pk=form_id).first()
    if found is None:
        raise NotFound("There is no such form.")
    return found


def _campaign_in(workspace: Workspace, campaign_id: int) -> Campaign:
    found = Campaign.objects.filter(workspace=workspace, pk=campaign_id).first()
    if found is None:
        raise NotFound("There is no such campaign.")
    return found
