"""What a condition can be about, and the questions that can be asked of it.

A subject brings its operators, checks the value of a condition and compiles it. The apps above add their own kinds with
`register_condition`; `config/subscriptions.py` shows them all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from contacts.segments.sql import Sql


class ValueKind(StrEnum):
    """What an operator compares with: decides the input in the builder and the shape of `value`.

    ONE_WITHIN is an option and, if asked, a number of days: `{"option": 12}` or `{"option": 12, "days": 30}`.
    """

    NONE = "none"
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    DAYS = "days"
    ONE = "one"
    SEVERAL = "several"
    ONE_WITHIN = "one_within"


@dataclass(frozen=True, slots=True)
class Moment:
    """When a segment is asked: `now` for moments, `today` in the workspace's time zone for dates."""

    now: datetime
    today: date
    time_zone: str


@dataclass(frozen=True, slots=True)
class Option:
    """Something a condition can point at: a choice of a field, a list, a campaign."""

    value: str | int
    label: str


Compile = Callable[[Any, Moment], Sql]


@dataclass(frozen=True, slots=True)
class Operator:
    """One question: `compile` makes SQL of the (checked) value and the moment."""

    key: str
    label: str
    takes: ValueKind
    compile: Compile


@dataclass(frozen=True, slots=True)
class Subject:
    """What a condition is about: `key` is what a definition says in "field"."""

    key: str
    label: str
    group: str
    operators: tuple[Operator, ...]
    options: tuple[Option, ...] = ()

    def operator(self, key: object) -> Operator | None:
        """Return the operator of this key, if the subject has it."""
        return next((operator for operator in self.operators if operator.key == key), None)


SubjectFactory = Callable[[int], Subject]

_registered: dict[str, SubjectFactory] = {}


def register_condition(kind: str, subject_for: SubjectFactory) -> None:
    """Add a kind of condition: `subject_for(workspace_id)` returns the subject, whose key must be `kind`.

    Its operators compile to SQL over the contact's row `c`, for example
    `EXISTS (SELECT 1 FROM … m WHERE m.contact_id = c.id AND m.mailing_id = %s)`. Registering a kind again replaces it.
    """
    _registered[kind] = subject_for


def registered_subjects(workspace_id: int) -> Sequence[Subject]:
    """Return the subjects that the apps above have registered, as this workspace sees them."""
    return [subject_for(workspace_id) for subject_for in _registered.values()]
