"""What the services share: rows that are checked before they are saved."""

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model

from core.exceptions import InvalidInput


def change[ModelT: Model](row: ModelT, changes: dict[str, Any], *, allowed: set[str]) -> ModelT:
    """Change columns of a row and save it.  Raises InvalidInput as `save` does, TypeError for a column that isn't allowed."""
    unknown = set(changes) - allowed
    if unknown:
        raise TypeError(f"{', '.join(sorted(unknown))} can't be changed here.")
    for name, value in changes.items():
        setattr(row, name, value)
    save(row, update_fields=list(changes))
    return row


def save(row: Model, *, update_fields: Collection[str] | None = None) -> None:
    """Check a row and save it.

    Raises InvalidInput, its `fields` naming what is wrong, also when somebody takes a unique value at the same moment.
    """
    clean(row)
    try:
        with transaction.atomic():
            row.save(update_fields=update_fields)
    except IntegrityError:
        clean(row)  # by now the other row is committed and can be named
        raise


def clean(row: Model) -> None:
    """Check a row by its model's rules.  Raises InvalidInput, its `fields` naming what is wrong."""
    try:
        row.full_clean()
    except ValidationError as error:
        fields = error.message_dict
        first = next(iter(fields.values()))[0]
        raise InvalidInput(first, fields=fields) from error
