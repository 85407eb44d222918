"""The event bus: frozen dataclasses go up, handlers are ordinary services.

Two kinds, never mixed. *Domain decisions* are announced in the transaction that made them and their handlers run in it.
*Facts from outside* are recorded (`core.facts.record`) and their handlers run afterwards, in their own transactions.
`config/subscriptions.py` lists every event and every handler.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from django.db import transaction

Handler = Callable[[Any], None]


@runtime_checkable
class Mergeable(Protocol):
    """A fact that comes so often that several of one workspace are handed to a handler as one."""

    @property
    def size(self) -> int:
        """How many rows it is about."""

    def joined(self, others: Sequence[Any]) -> Any:
        """Return one fact that says what this and the others (later ones of the same workspace) say."""


def merged(events: Sequence[Any]) -> Any:
    """Return the events, of a mergeable kind, as one."""
    return events[0].joined(events[1:])


_decision_handlers: dict[type, list[Handler]] = defaultdict(list)
_fact_handlers: dict[str, tuple[type, Handler]] = {}


def handler_name(handler: Handler) -> str:
    """Return the stable name under which a handler's cursor is kept."""
    return f"{handler.__module__}.{handler.__qualname__}"


def on_decision(event: type, *handlers: Handler) -> None:
    """Call `handlers`, in this order, inside the transaction of whoever announces an `event`."""
    for handler in handlers:
        if handler not in _decision_handlers[event]:
            _decision_handlers[event].append(handler)


def on_fact(event: type, *handlers: Handler) -> None:
    """Call each handler with every recorded `event`, in commit order, in a transaction of its own."""
    for handler in handlers:
        _fact_handlers[f"{handler_name(handler)}({event.__name__})"] = (event, handler)


def announce(event: object) -> None:
    """Tell the handlers of a domain decision.  Must run inside a transaction; a failing handler undoes the decision."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("A decision is announced inside the transaction that makes it.")
    for handler in _decision_handlers[type(event)]:
        handler(event)


def fact_handlers() -> dict[str, tuple[type, Handler]]:
    """Return every fact handler by its cursor's name, with the event that it takes."""
    return dict(_fact_handlers)
