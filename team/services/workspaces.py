"""Workspaces."""

from typing import Any

from django.db import connection, transaction
from django.utils.text import slugify

from team.models import Membership, Role, User, Workspace
from team.services.rows import change, save

SLUG_LOCK = 0x64726D77


@transaction.atomic
def create_workspace(*, user: User, name: str, time_zone: str = "") -> Workspace:
    """Make a workspace that the user owns.  Its slug comes from its name, with a number when that is taken."""
    with connection.cursor() as cursor:  # two workspaces of one name made at the same moment need two slugs
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SLUG_LOCK])
    workspace = Workspace(name=name, slug=_free_slug(name), time_zone=time_zone or user.time_zone)
    save(workspace)
    Membership.objects.create(workspace=workspace, user=user, role=Role.OWNER)
    return workspace


@transaction.atomic
def update_workspace(workspace: Workspace, **changes: Any) -> Workspace:
    """Change name, slug, time_zone, locale, company, postal_address or website.  Raises InvalidInput."""
    allowed = {"name", "slug", "time_zone", "locale", "company", "postal_address", "website"}
    return change(workspace, changes, allowed=allowed)


def _free_slug(name: str) -> str:
    base = slugify(name)[:50].strip("-") or "workspace"
    taken = set(Workspace.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    candidates = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)
