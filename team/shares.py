"""What is shared with whom, as django-guardian keeps it: a row for each person, object and action.

Below `team.access`, which says what an action means; nobody else needs it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet
from guardian.models import UserObjectPermission

type Actions = dict[int, frozenset[str]]


def rows_of(model: type[Model]) -> QuerySet[UserObjectPermission]:
    """Return the rows about objects of the model."""
    rows: QuerySet[UserObjectPermission] = UserObjectPermission.objects.filter(
        content_type=ContentType.objects.get_for_model(model)
    )
    return rows


def is_shared(user_id: int, model: type[Model], key: object, action: str) -> bool:
    """Tell whether the user holds the action ("change", "send") on the object with this key.  One query."""
    return (
        rows_of(model)
        .filter(user_id=user_id, object_pk=str(key), permission__codename=codename(model, action))
        .exists()
    )


def actions_on(user_id: int, model: type[Model], keys: Collection[int]) -> Actions:
    """Return the actions that the user holds on each of these objects of the model, where there are any.  One query."""
    rows = rows_of(model).filter(user_id=user_id, object_pk__in=[str(key) for key in keys])
    return _grouped(model, ((int(key), name) for key, name in rows.values_list("object_pk", "permission__codename")))


def actions_by_user(obj: Model) -> Actions:
    """Return the actions that users hold on the object, by the user's key.  One query."""
    rows = rows_of(type(obj)).filter(object_pk=str(obj.pk))
    return _grouped(type(obj), rows.values_list("user_id", "permission__codename"))


def codename(model: type[Model], action: str) -> str:
    """Return the name of the permission, without the app's label, as in "change_campaign"."""
    return f"{action}_{model._meta.model_name}"


def _grouped(model: type[Model], pairs: Iterable[tuple[int, str]]) -> Actions:
    found: dict[int, set[str]] = defaultdict(set)
    for key, name in pairs:
        found[key].add(name.removesuffix(f"_{model._meta.model_name}"))
    return {key: frozenset(actions) for key, actions in found.items()}
