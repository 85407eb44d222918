"""Branches: a question with a lane for each answer."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sequences.kinds.events import EventBranch, read_event_branch
from sequences.kinds.reading import Reader

YES, NO, UNDELIVERED = "yes", "no", "undelivered"
USUAL_WINDOW = timedelta(days=3)
GRACE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class EngagementBranch:
    """Did they click, reply (or open) within the window after the named email was accepted?"""

    step: str
    window: timedelta
    clicks: bool
    replies: bool
    opens: bool

    lanes = (YES, NO, UNDELIVERED)


@dataclass(frozen=True, slots=True)
class FieldBranch:
    """One condition, as a segment asks it."""

    field: str
    operator: str
    value: Any

    lanes = (YES, NO)

    def condition(self) -> dict[str, Any]:
        """Return the condition as a segment's definition has it."""
        asked = {"field": self.field, "operator": self.operator}
        return asked if self.value is None else asked | {"value": self.value}


@dataclass(frozen=True, slots=True)
class SegmentBranch:
    segment: int

    lanes = (YES, NO)


@dataclass(frozen=True, slots=True)
class ListBranch:
    list: int

    lanes = (YES, NO)


Branch = EngagementBranch | FieldBranch | SegmentBranch | ListBranch | EventBranch
SUBJECTS = {
    "engagement": EngagementBranch.lanes,
    "field": FieldBranch.lanes,
    "segment": SegmentBranch.lanes,
    "list": ListBranch.lanes,
    "event": EventBranch.lanes,
}


def read_branch(reader: Reader) -> Branch | None:
    """Read what the branch is `on`, and the fields of that question."""
    match reader.one_of("on", SUBJECTS, "Choose what to ask about."):
        case "engagement":
            return _read_engagement(reader)
        case "field":
            branch = FieldBranch(
                reader.text("field", "Choose a field."),
                reader.text("operator", "Choose how to compare.", limit=40),
                reader.raw("value"),
            )
            if branch.value is not None:
                reader.clean["value"] = branch.value
            return branch
        case "segment":
            return SegmentBranch(reader.identity("segment", "Choose a segment."))
        case "list":
            return ListBranch(reader.identity("list", "Choose a list."))
        case "event":
            return read_event_branch(reader)
    return None


def _read_engagement(reader: Reader) -> EngagementBranch:
    branch = EngagementBranch(
        step=reader.text("step", "Choose an email.", limit=20),
        window=reader.duration("window", default=USUAL_WINDOW) or USUAL_WINDOW,
        clicks=reader.flag("clicks", default=True),
        replies=reader.flag("replies", default=True),
        opens=reader.flag("opens"),
    )
    if not (branch.clicks or branch.replies or branch.opens):
        reader.errors["clicks"] = "Count clicks, replies or opens."
    return branch
