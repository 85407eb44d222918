"""Writes of categories."""

from django.db import transaction

from core.exceptions import InvalidInput
from team.models import Workspace
from templates_lib.models import Category
from templates_lib.services.naming import lock_names

MAX_NAME = 80


@transaction.atomic
def create_category(*, workspace: Workspace, name: str) -> Category:
    """Create a category.  Raises InvalidInput for a name that is empty or taken."""
    return Category.objects.create(workspace=workspace, name=_free_name(workspace, name))


@transaction.atomic
def rename_category(category: Category, *, name: str) -> Category:
    """Give a category another name.  Raises InvalidInput for a name that is empty or taken."""
    category.name = _free_name(category.workspace, name, keeping=category)
    category.save(update_fields=["name"])
    return category


def delete_category(category: Category) -> None:
    """Delete a category; its templates stay, without one."""
    category.delete()


def _free_name(workspace: Workspace, name: str, *, keeping: Category | None = None) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME:
        message = f"A category needs a name of at most {MAX_NAME} characters."
        raise InvalidInput(message, fields={"name": [message]})
    lock_names(workspace)
    same_name = Category.objects.filter(workspace=workspace, name__iexact=name)
    if keeping is not None:
        same_name = same_name.exclude(pk=keeping.pk)
    if same_name.exists():
        raise InvalidInput("There is a category of that name.", fields={"name": ["There is a category of that name."]})
    return name
