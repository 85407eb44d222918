"""Pages of a long list by cursor: the cost of a page doesn't grow with its number, and rows added meanwhile shift nothing."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

DEFAULT_SIZE = 50


@dataclass(frozen=True, slots=True)
class Page[ItemT]:
    """One page. ``next_cursor`` is empty on the last one; ``is_first`` tells whether it starts the list."""

    items: list[ItemT]
    next_cursor: str = ""
    is_first: bool = True

    def __bool__(self) -> bool:
        return bool(self.items)


def paginate[ModelT: Model](
    queryset: QuerySet[ModelT], *, cursor: str | None, order: Sequence[str], size: int = DEFAULT_SIZE
) -> Page[ModelT]:
    """Returns the page of ``queryset`` that follows ``cursor``, ordered by the fields in ``order``.

    The fields must not be null and the last must be unique; ``-`` in front means descending and ``__`` follows a relation.
    A cursor that is damaged or was made for another order starts from the beginning.
    """
    ordered = queryset.order_by(*order)
    position = _decode(cursor, order)
    if position is not None:
        try:
            ordered = ordered.filter(_after(order, position))
        except (ValueError, TypeError, ValidationError):
            position = None
    rows = list(ordered[: size + 1])
    items = rows[:size]
    next_cursor = _encode(order, items[-1]) if len(rows) > size else ""
    return Page(items, next_cursor, is_first=position is None)


def _after(order: Sequence[str], position: Sequence[Any]) -> Q:
    """Builds "comes later than position". The first condition is redundant; it lets the database use the index on it."""
    alternatives = []
    equal = Q()
    for name, value in zip(order, position, strict=True):
        field, lookup = (name[1:], "lt") if name.startswith("-") else (name, "gt")
        alternatives.append(equal & Q(**{f"{field}__{lookup}": value}))
        equal &= Q(**{field: value})
    first = order[0]
    bound = Q(**{f"{first[1:]}__lte": position[0]}) if first.startswith("-") else Q(**{f"{first}__gte": position[0]})
    return bound & reduce(Q.__or__, alternatives)


def _encode(order: Sequence[str], row: Model) -> str:
    values = [reduce(getattr, name.removeprefix("-").split("__"), row) for name in order]
    text = json.dumps([list(order), values], default=_as_text, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str | None, order: Sequence[str]) -> list[Any] | None:
    if not cursor:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, values = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, UnicodeError, ValueError, TypeError):
        return None
    valid = made_for == list(order) and isinstance(values, list) and len(values) == len(order)
    return values if valid else None


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
