"""Where previews get contacts and merge fields from.

Templates and contacts don't know each other: `config.subscriptions` registers who answers for contacts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from team.models import Workspace


@dataclass(frozen=True, slots=True)
class MergeField:
    """What a template can say of a recipient: `{{ key }}`; `sample` is an example of its value."""

    key: str
    label: str
    sample: Any = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A contact to preview as."""

    id: int
    label: str


@dataclass(frozen=True, slots=True)
class People:
    """The questions that templates ask about contacts; all are limited to one workspace."""

    merge_fields: Callable[[Workspace], Sequence[MergeField]]
    find: Callable[[Workspace, str], Sequence[Person]]
    """At most twenty contacts that fit a search, any when it is empty."""
    context: Callable[[Workspace, int], Mapping[str, Any]]
    """A contact's merge fields; raises NotFound."""
    id_of: Callable[[Workspace, str], int]
    """The contact with an email address; raises NotFound."""


_registered: list[People] = []


def register(people: People) -> None:
    """Let `people` answer from now on."""
    _registered[:] = [people]


def registered() -> People:
    """Return who answers.  Raises RuntimeError before anyone was registered."""
    if not _registered:
        raise RuntimeError("Nobody answers for contacts: config.subscriptions registers them.")
    return _registered[0]
