"""What a preview knows: a contact or a made-up person, the workspace, and the system's own links."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from team.models import Workspace
from templates_lib import people

SYSTEM_FIELDS: tuple[people.MergeField, ...] = (
    people.MergeField("unsubscribeUrl", "Unsubscribe link"),
    people.MergeField("preferencesUrl", "Preferences link"),
    people.MergeField("viewUrl", "View in browser link"),
    people.MergeField("sender.name", "Sender’s name"),
    people.MergeField("sender.email", "Sender’s address"),
    people.MergeField("workspace.name", "Workspace"),
    people.MergeField("workspace.company", "Company"),
    people.MergeField("workspace.address", "Postal address"),
    people.MergeField("workspace.website", "Website"),
    people.MergeField("campaign.name", "Campaign"),
)


def workspace_context(workspace: Workspace) -> dict[str, str]:
    """Return what `workspace.*` says in a mail; its locale and time zone stand in for a recipient without one."""
    return {
        "name": workspace.name,
        "company": workspace.company,
        "address": workspace.postal_address,
        "website": workspace.website,
        "locale": workspace.locale,
        "timeZone": workspace.time_zone,
    }


def merge_fields(workspace: Workspace) -> list[people.MergeField]:
    """Return all merge fields of a workspace: contacts' first, then the system's."""
    return [*people.registered().merge_fields(workspace), *SYSTEM_FIELDS]


def preview_context(
    workspace: Workspace, *, contact_id: int | None = None, locale: str = "", extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the context of a preview as a contact, or as a made-up person when `contact_id` is None.

    `locale` replaces the contact's, `extra` adds to or replaces anything.  Raises NotFound for a foreign contact.
    """
    answers = people.registered()
    if contact_id is None:
        person: dict[str, Any] = {field.key: field.sample for field in answers.merge_fields(workspace)}
    else:
        person = dict(answers.context(workspace, contact_id))
    shown = workspace_context(workspace)
    shown["company"] = shown["company"] or workspace.name
    shown["address"] = shown["address"] or "(The postal address from your workspace’s settings)"
    shown["website"] = shown["website"] or settings.BASE_URL
    context: dict[str, Any] = {
        **person,
        "unsubscribeUrl": f"{settings.BASE_URL}/u/preview",
        "preferencesUrl": f"{settings.BASE_URL}/p/preview",
        "viewUrl": f"{settings.BASE_URL}/v/preview",
        "sender": {"name": workspace.name, "email": "hello@example.com"},
        "workspace": shown,
        "campaign": {"name": "Preview"},
        "event": {},
    }
    if locale:
        context["locale"] = locale
    return {**context, **(extra or {})}
