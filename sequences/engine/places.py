"""What the engine moves: who is due, where somebody stands afterwards, and what was decided on the way."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sequences.models import EnrolmentState


class Due(NamedTuple):
    """A claimed enrolment."""

    id: int
    sequence_id: int
    contact_id: int
    mailbox_id: int | None
    version_id: int
    step_key: str
    rotation: int
    entered_at: datetime
    due_at: datetime
    away_until: datetime | None = None


class Running(NamedTuple):
    """A sequence that is locked against changes of its state."""

    state: str
    workspace_id: int
    exit_filter: Mapping[str, Any] = MappingProxyType({})


class Target(NamedTuple):
    """Where an enrolment stands afterwards."""

    step_key: str
    rotation: int
    state: EnrolmentState
    entered_at: datetime
    due_at: datetime | None
    reason: str = ""


class Email(NamedTuple):
    """An email step as it is sent: the step and the rotation make the key of the message; `stratum` is the part of its test."""

    mailing_id: int
    step_key: str
    rotation: int
    stratum: int = 0


class Decided(NamedTuple):
    """One enrolment's lane at a step; `inputs` is JSON."""

    enrolment_id: int
    step_key: str
    rotation: int
    lane: str
    inputs: str
    decided_at: datetime


def message_key(enrolment_id: int, step_key: str, rotation: int) -> str:
    """Return the key of the message that an enrolment's step sends."""
    return f"e{enrolment_id}:{step_key}:{rotation}"


def stopped(due: Due, reason: str) -> Target:
    """Return the end of somebody's way where they stand."""
    return Target(due.step_key, due.rotation, EnrolmentState.STOPPED, due.entered_at, None, reason)
