"""Columns of stored secrets, and how they come under the installation's first encryption key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction
from django.db.models import Q

from core.encryption import DecryptionError, current_key_id, reencrypt

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class SecretColumn:
    """A column of ciphertexts; `context` gives what a row's one is bound to."""

    model: type[models.Model]
    name: str
    context: Callable[[Any], str]

    @property
    def label(self) -> str:
        """The column as the database names it."""
        return f"{self.model._meta.db_table}.{self.name}"


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of a column's secrets: how many there are, were renewed, and can be read with none of the keys."""

    label: str
    secrets: int
    renewed: int
    unreadable: int


def renew(column: SecretColumn) -> Renewal:
    """Encrypt anew, with the first key, what another one encrypted: 500 rows a transaction, safe to break off and repeat."""
    stored = column.model._default_manager.exclude(**{column.name: ""})
    old = stored.exclude(Q(**{f"{column.name}__startswith": f"{current_key_id()}."}))
    renewed, unreadable, last = 0, 0, 0
    while True:
        with transaction.atomic():
            # The row stays locked, so that a password that is changed meanwhile is not overwritten by the old one.
            rows = list(old.filter(pk__gt=last).order_by("pk").select_for_update()[:_AT_ONCE])
            if not rows:
                break
            readable = []
            for row in rows:
                try:
                    secret = reencrypt(getattr(row, column.name), context=column.context(row))
                except DecryptionError:
                    unreadable += 1
                else:
                    setattr(row, column.name, secret)
                    readable.append(row)
            column.model._default_manager.bulk_update(readable, [column.name])
            renewed += len(readable)
            last = rows[-1].pk
    return Renewal(column.label, stored.count(), renewed, unreadable)
