"""Names of lists and segments: unique in their workspace."""

from django.db import IntegrityError, transaction

from contacts.models import List, Segment
from core.exceptions import InvalidInput

NAME_LIMIT = 120


def checked_name(name: str, *, noun: str) -> str:
    """Return the name on one line.  Raises InvalidInput when it is empty or too long; `noun` says what it is for."""
    name = " ".join(name.replace("\x00", "").split())
    if not name:
        raise InvalidInput(f"A {noun} needs a name.", fields={"name": [f"Give the {noun} a name."]})
    if len(name) > NAME_LIMIT:
        message = f"A name has at most {NAME_LIMIT} characters."
        raise InvalidInput(message, fields={"name": [message]})
    return name


def save_named(row: List | Segment) -> None:
    """Save a list or segment.  Raises InvalidInput when its name is taken, also at this very moment."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        message = f"Another {row._meta.verbose_name} has this name."
        raise InvalidInput(message, fields={"name": [message]}) from error
