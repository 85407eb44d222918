"""The trail's entries about shares, in words: what was shared, with whom, to do what."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from guardian.models import UserObjectPermission

from team.access import SHARE_CAPABILITIES, SHARED_ACTIONS
from team.models import AuditEntry, Share, User

TABLE = UserObjectPermission._meta.db_table
KIND = "Share"
# The share that an action is the last step to.
_LABELS = {
    SHARED_ACTIONS[capability]: level.label for level in reversed(Share) for capability in SHARE_CAPABILITIES[level]
}


class Words(NamedTuple):
    """An entry about a share."""

    name: str
    values: dict[str, str]


def words(entries: Iterable[AuditEntry]) -> dict[int, Words]:
    """Return the words for those entries that are about shares, by the entry's key.

    Costs three queries and one for each kind of object, none where no entry is about a share.
    """
    rows = {entry.pk: (entry.after or entry.before or {}) for entry in entries if entry.table == TABLE}
    if not rows:
        return {}
    users = User.objects.in_bulk({row["user_id"] for row in rows.values() if "user_id" in row})
    permissions = Permission.objects.in_bulk({row["permission_id"] for row in rows.values() if "permission_id" in row})
    objects = _objects(rows.values())
    return {key: _words(row, users, permissions, objects) for key, row in rows.items()}


def _objects(rows: Iterable[dict[str, Any]]) -> dict[tuple[int, str], Model]:
    keys: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        keys[row.get("content_type_id", 0)].add(str(row.get("object_pk", "")))
    found: dict[tuple[int, str], Model] = {}
    for type_id in keys:
        model = _model(type_id)
        if model is not None:
            found |= {(type_id, str(row.pk)): row for row in model._default_manager.filter(pk__in=keys[type_id])}
    return found


def _model(type_id: int) -> type[Model] | None:
    try:
        return ContentType.objects.get_for_id(type_id).model_class()
    except ContentType.DoesNotExist:
        return None


def _words(
    row: dict[str, Any],
    users: dict[int, User],
    permissions: dict[int, Permission],
    objects: dict[tuple[int, str], Model],
) -> Words:
    type_id, key = row.get("content_type_id", 0), str(row.get("object_pk", ""))
    shared = objects.get((type_id, key))
    model = _model(type_id)
    kind = str(model._meta.verbose_name).capitalize() if model is not None else "Object"
    name = str(shared) if shared is not None else f"{kind} #{key} (deleted)"
    person = str(users.get(row.get("user_id", 0), f"User {row.get('user_id')} (deleted)"))
    permission = permissions.get(row.get("permission_id", 0))
    access = _LABELS.get(permission.codename.partition("_")[0], permission.name) if permission else "—"
    return Words(f"{name}: {person} {access[:1].lower()}{access[1:]}", {kind: name, "Member": person, "Access": access})
