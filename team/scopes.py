"""What an API token may be limited to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """A part of the API that has its own pair of scopes, `<name>:read` and `<name>:write`."""

    name: str
    label: str
    covers: str


RESOURCES: tuple[Resource, ...] = (
    Resource("contacts", "Contacts", "Contacts, fields, lists, segments, imports and suppressions"),
    Resource("templates", "Templates", "Templates, categories, assets and rendering"),
    Resource("mailboxes", "Mailboxes", "Mailboxes and their limits"),
    Resource("campaigns", "Campaigns", "Campaigns, sequences, enrolments, experiments and reports"),
    Resource("messages", "Messages", "Single messages, threads and their timelines"),
    Resource("events", "Events", "Custom events of contacts"),
    Resource("activities", "Activities", "The feed of everything that happened"),
    Resource("webhooks", "Webhooks", "Incoming and outgoing webhooks"),
    Resource("members", "Members", "Members of the workspace, and what is shared with them"),
)
RESOURCE_NAMES = frozenset(resource.name for resource in RESOURCES)
SCOPES: tuple[str, ...] = tuple(f"{resource.name}:{access}" for resource in RESOURCES for access in ("read", "write"))


def allows(scopes: list[str], resource: str, *, write: bool) -> bool:
    """Tell whether a token's scopes open the resource; no scopes at all open everything, writing includes reading."""
    return not scopes or f"{resource}:write" in scopes or (not write and f"{resource}:read" in scopes)
