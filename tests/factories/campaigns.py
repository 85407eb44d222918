"""Campaigns that are ready to go, for tests."""

from typing import Any

from campaigns import services
from campaigns.models import Campaign
from contacts.models import List, ListMember
from delivery.models import Mailbox
from team.models import Workspace
from templates_lib.models import Template, TemplateVersion
from tests.factories.sequences import SOURCE, make_contacts, make_mailbox


def make_list(workspace: Workspace, contact_ids: list[int] | None = None, *, name: str = "Customers") -> List:
    """Write a list of contacts."""
    made = List.objects.create(workspace=workspace, name=name)
    ListMember.objects.bulk_create(ListMember(list=made, contact_id=pk) for pk in contact_ids or [])
    return made


def make_template(
    workspace: Workspace, *, name: str = "Welcome", subject: str = "Hello {{ firstName }}", source: str = SOURCE
) -> Template:
    """Write a template with one version in HTML."""
    template = Template.objects.create(workspace=workspace, name=name)
    template.current_version = TemplateVersion.objects.create(
        template=template, number=1, format="html", subject=subject, source=source
    )
    template.save(update_fields=["current_version"])
    return template


def make_campaign(
    workspace: Workspace, *, contacts: int = 3, mailbox: Mailbox | None = None, **changes: Any
) -> Campaign:
    """Make a draft that passes its check: a list of contacts, a mailbox and a template."""
    if "lists" not in changes and "segments" not in changes:
        number = List.objects.filter(workspace=workspace).count()
        ids = make_contacts(workspace, contacts, prefix=f"list{number}-")
        changes["lists"] = [make_list(workspace, ids, name=f"List {number}")]
    if "mailboxes" not in changes:
        changes["mailboxes"] = [
            mailbox or Mailbox.objects.filter(workspace=workspace).first() or make_mailbox(workspace)
        ]
    if not {"template", "steps", "source"} & set(changes):
        existing = Template.objects.filter(workspace=workspace).first()
        changes["template"] = existing or make_template(workspace)
    return services.create_campaign(workspace=workspace, name=changes.pop("name", "Spring"), **changes)
