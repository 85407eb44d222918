"""Reads of the template library; everything is limited to one workspace."""

import struct

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from core.exceptions import NotFound
from core.sealing import BadToken, seal, unseal
from team.models import Workspace
from templates_lib.models import Asset, Category, Template, TemplateVersion
from templates_lib.people import MergeField, People, Person
from templates_lib.people import register as register_people
from templates_lib.samples import merge_fields, preview_context, workspace_context
from templates_lib.starters import STARTERS, Starter

__all__ = [
    "MergeField",
    "People",
    "Person",
    "all_templates_in",
    "asset_in",
    "asset_of_token",
    "asset_path",
    "asset_url",
    "assets_in",
    "categories_in",
    "category_in",
    "current_version",
    "merge_fields",
    "preview_context",
    "register_people",
    "search_templates",
    "starters",
    "template_in",
    "templates_in",
    "version_of",
    "versions_of",
    "workspace_context",
]

_ASSET = struct.Struct(">Q")
_ASSET_PURPOSE = b"asset"


def templates_in(workspace: Workspace, *, archived: bool = False) -> QuerySet[Template]:
    """Return the workspace's templates with their current version and category, by name."""
    templates = Template.objects.filter(workspace=workspace, archived_at__isnull=not archived)
    return templates.select_related("current_version", "current_version__created_by", "category")


def all_templates_in(workspace: Workspace) -> QuerySet[Template]:
    """Return the workspace's templates, archived ones included."""
    return Template.objects.filter(workspace=workspace).select_related("current_version", "category")


def template_in(workspace: Workspace, template_id: int) -> Template:
    """Return one template, archived or not.  Raises NotFound, also for another workspace's."""
    templates = Template.objects.select_related(
        "workspace", "current_version", "current_version__created_by", "category"
    )
    template = templates.filter(workspace=workspace, pk=template_id).first()
    if template is None:
        raise NotFound("There is no such template.")
    return template


def search_templates(templates: QuerySet[Template], query: str) -> QuerySet[Template]:
    """Return the templates whose name, description or subject holds each word of the query."""
    for word in query.replace("\x00", " ").split()[:10]:
        templates = templates.filter(
            Q(name__icontains=word) | Q(description__icontains=word) | Q(current_version__subject__icontains=word)
        )
    return templates


def current_version(template: Template) -> TemplateVersion:
    """Return the version that is used when nothing else is said."""
    version = template.current_version
    if version is None:
        raise NotFound("This template has no content yet.")
    return version


def versions_of(template: Template) -> QuerySet[TemplateVersion]:
    """Return all versions, the newest first, with who saved them."""
    return template.versions.select_related("created_by").order_by("-number")


def version_of(template: Template, number: int) -> TemplateVersion:
    """Return one version by its number.  Raises NotFound."""
    version = versions_of(template).filter(number=number).first()
    if version is None:
        raise NotFound("There is no such version.")
    return version


def categories_in(workspace: Workspace) -> QuerySet[Category]:
    """Return the workspace's categories by name, each with `template_count` (archived ones not counted)."""
    count = Count("templates", filter=Q(templates__archived_at=None))
    return Category.objects.filter(workspace=workspace).annotate(template_count=count).order_by("name")


def category_in(workspace: Workspace, category_id: int) -> Category:
    """Return one category.  Raises NotFound."""
    category = Category.objects.filter(workspace=workspace, pk=category_id).first()
    if category is None:
        raise NotFound("There is no such category.")
    return category


def assets_in(workspace: Workspace) -> QuerySet[Asset]:
    """Return the workspace's images, the newest first."""
    return Asset.objects.filter(workspace=workspace).order_by("-id")


def asset_in(workspace: Workspace, asset_id: int) -> Asset:
    """Return one image.  Raises NotFound."""
    asset = Asset.objects.filter(workspace=workspace, pk=asset_id).first()
    if asset is None:
        raise NotFound("There is no such image.")
    return asset


def asset_path(asset: Asset) -> str:
    """Return the path of an image's public address."""
    return reverse("asset", args=[seal(_ASSET_PURPOSE, _ASSET.pack(asset.pk)), asset.name])


def asset_url(asset: Asset) -> str:
    """Return the public address of an image, for use in mail: it never changes and needs no login."""
    return settings.BASE_URL + asset_path(asset)


def asset_of_token(token: str) -> Asset:
    """Return the image that a public address leads to.  Raises NotFound."""
    try:
        payload = unseal(_ASSET_PURPOSE, token)
    except BadToken as error:
        raise NotFound("There is no such image.") from error
    asset = Asset.objects.filter(pk=_ASSET.unpack(payload)[0]).first()
    if asset is None:
        raise NotFound("There is no such image.")
    return asset


def starters() -> list[Starter]:
    """Return the templates of our own to start from."""
    return list(STARTERS.values())
