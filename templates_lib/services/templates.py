"""Writes of templates and their versions."""

from typing import Any

from django.db import transaction

from core import clock
from core.exceptions import InvalidInput
from team.models import User, Workspace
from templates_lib import selectors
from templates_lib.content import Content, content_of
from templates_lib.differences import same
from templates_lib.exceptions import StaleVersionError
from templates_lib.files import read_file
from templates_lib.models import Category, Template, TemplateVersion
from templates_lib.previews import check
from templates_lib.services.naming import lock_names
from templates_lib.starters import STARTERS

MAX_NAME = 120


@transaction.atomic
def create_template(
    *,
    workspace: Workspace,
    name: str,
    format: str,  # noqa: A002
    source: str,
    subject: str = "",
    preheader: str = "",
    text_source: str = "",
    description: str = "",
    category: Category | None = None,
    note: str = "",
    user: User | None = None,
) -> Template:
    """Create a template with its first version.

    Raises InvalidInput for a name that is empty or taken, TemplateError for a content that can't be compiled.
    """
    content = Content(format, subject, source, preheader, text_source)
    check(content)
    _check_category(workspace, category)
    template = Template.objects.create(
        workspace=workspace,
        name=_free_name(workspace, name),
        description=description.strip(),
        category=category,
        created_by=user,
    )
    _add_version(template, content, number=1, note=note, user=user)
    return template


@transaction.atomic
def update_template(template: Template, **changes: Any) -> Template:
    """Change name, description or category.  Raises InvalidInput for a name that is empty or taken."""
    if "name" in changes:
        changes["name"] = _free_name(template.workspace, changes["name"], keeping=template)
    if "category" in changes:
        _check_category(template.workspace, changes["category"])
    for field in ("name", "description", "category"):
        if field in changes:
            setattr(template, field, changes[field])
    template.updated_at = clock.now()
    template.save(update_fields=["name", "description", "category", "updated_at"])
    return template


@transaction.atomic
def save_version(
    template: Template,
    *,
    base_number: int,
    subject: str,
    source: str,
    format: str = "",  # noqa: A002
    preheader: str = "",
    text_source: str = "",
    note: str = "",
    user: User | None = None,
) -> TemplateVersion:
    """Save a content as a new version and return it; the current one if nothing changed.

    `base_number` is the version that the author began with.  Raises StaleVersionError if somebody saved since (nothing is
    written), TemplateError if the content can't be compiled.
    """
    current = _locked_version(template)
    content = Content(format or current.format, subject, source, preheader, text_source)
    if same(current, content):
        return current
    if current.number != base_number:
        raise StaleVersionError(current.number, str(current.created_by or ""))
    check(content)
    return _add_version(template, content, number=current.number + 1, note=note, user=user)


@transaction.atomic
def restore_version(template: Template, *, number: int, user: User | None = None) -> TemplateVersion:
    """Make an earlier version's content current, as a new version; the current one if it is the same already.

    Raises NotFound.
    """
    current = _locked_version(template)
    earlier = selectors.version_of(template, number)
    if same(current, earlier):
        return current
    note = f"Restored from version {number}"
    return _add_version(template, content_of(earlier), number=current.number + 1, note=note, user=user)


@transaction.atomic
def duplicate_template(template: Template, *, user: User | None = None) -> Template:
    """Copy the current version into a new template beside it."""
    version = selectors.current_version(template)
    copy = Template.objects.create(
        workspace=template.workspace,
        name=unused_name(template.workspace, f"{template.name} (copy)"),
        description=template.description,
        category=template.category,
        created_by=user,
    )
    _add_version(copy, content_of(version), number=1, note=f"Copied from {template.name}", user=user)
    return copy


def archive_template(template: Template) -> None:
    """Take a template out of the library; it can be brought back, and what was sent with it stays as it is."""
    now = clock.now()
    Template.objects.filter(pk=template.pk, archived_at=None).update(archived_at=now, updated_at=now)
    template.refresh_from_db(fields=["archived_at", "updated_at"])


def unarchive_template(template: Template) -> None:
    """Bring an archived template back."""
    Template.objects.filter(pk=template.pk).update(archived_at=None, updated_at=clock.now())
    template.refresh_from_db(fields=["archived_at", "updated_at"])


@transaction.atomic
def import_template(*, workspace: Workspace, filename: str, data: bytes, user: User | None = None) -> Template:
    """Create a template from an exported file or a bare source.  Raises UnusableFile or TemplateError."""
    found = read_file(filename, data)
    content = found.content
    return create_template(
        workspace=workspace,
        name=unused_name(workspace, found.name),
        description=found.description,
        format=content.format,
        subject=content.subject,
        preheader=content.preheader,
        source=content.source,
        text_source=content.text_source,
        note=f"Imported from {filename}"[:200],
        user=user,
    )


@transaction.atomic
def use_starter(*, workspace: Workspace, slug: str, user: User | None = None) -> Template:
    """Create a template from one of our own.  Raises InvalidInput for a slug that there isn't."""
    starter = STARTERS.get(slug)
    if starter is None:
        raise InvalidInput("There is no such starter.")
    content = starter.content
    return create_template(
        workspace=workspace,
        name=unused_name(workspace, starter.name),
        description=starter.description,
        format=content.format,
        subject=content.subject,
        preheader=content.preheader,
        source=content.source,
        user=user,
    )


@transaction.atomic
def add_starters(workspace: Workspace, *, user: User | None = None) -> list[Template]:
    """Copy every starter that the workspace has no template of that name for; return the new ones."""
    lock_names(workspace)
    taken = set(selectors.all_templates_in(workspace).values_list("name", flat=True))
    return [
        use_starter(workspace=workspace, slug=slug, user=user)
        for slug, starter in STARTERS.items()
        if starter.name not in taken
    ]


def unused_name(workspace: Workspace, name: str) -> str:
    """Return the name, or the name with the first number that makes it unused."""
    lock_names(workspace)
    taken = set(selectors.all_templates_in(workspace).values_list("name", flat=True))
    candidate, number = name[:MAX_NAME], 2
    while candidate in taken:
        ending = f" {number}"
        candidate, number = name[: MAX_NAME - len(ending)] + ending, number + 1
    return candidate


def _free_name(workspace: Workspace, name: str, *, keeping: Template | None = None) -> str:
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME:
        raise InvalidInput("A template needs a name of at most 120 characters.", fields={"name": ["Give it a name."]})
    lock_names(workspace)
    same_name = selectors.all_templates_in(workspace).filter(name=name)
    if keeping is not None:
        same_name = same_name.exclude(pk=keeping.pk)
    if found := same_name.first():
        state = "an archived template" if found.archived_at else "another template"
        raise InvalidInput(f"There is {state} of that name.", fields={"name": [f"There is {state} of that name."]})
    return name


def _check_category(workspace: Workspace, category: Category | None) -> None:
    if category is not None and category.workspace_id != workspace.pk:
        raise InvalidInput("There is no such category.", fields={"category": ["There is no such category."]})


def _locked_version(template: Template) -> TemplateVersion:
    """Lock the template's row, so that versions follow one another, and return its current version."""
    locked = Template.objects.select_for_update(of=("self",)).select_related("current_version__created_by")
    return selectors.current_version(locked.get(pk=template.pk))


def _add_version(template: Template, content: Content, *, number: int, note: str, user: User | None) -> TemplateVersion:
    now = clock.now()
    version = TemplateVersion.objects.create(
        template=template,
        number=number,
        format=content.format,
        subject=content.subject,
        preheader=content.preheader,
        source=content.source,
        text_source=content.text_source,
        note=note.strip()[:200],
        created_by=user,
        created_at=now,
    )
    template.current_version = version
    template.updated_at = now
    template.save(update_fields=["current_version", "updated_at"])
    return version
