"""Who goes through a simulation: a contact as it is, or one that is made up; what actions do to it stays in the simulation."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from contacts.models import Contact, List, ListMember
from contacts.selectors import liquid_context
from contacts.services import check_columns
from core.exceptions import InvalidInput
from sequences.kinds.actions import ChangeList, ChangeTag, SetField
from team.models import Workspace

SAMPLE_ADDRESS = "made.up@example.com"


@dataclass(slots=True)
class Person:
    """The columns of a contact by name, and its lists; `contact_id` is 0 for somebody made up.

    `away_until`: an automatic reply said so to the sequence that is simulated.
    """

    contact_id: int
    columns: dict[str, Any]
    list_ids: set[int] = field(default_factory=set)
    usual_zone: str = "UTC"
    away_until: datetime | None = None

    @property
    def email(self) -> str:
        """The address."""
        return str(self.columns["email"])

    @property
    def zone(self) -> ZoneInfo:
        """Its time zone, the workspace's where it has none."""
        return ZoneInfo(self.columns["time_zone"] or self.usual_zone)

    @property
    def attributes(self) -> dict[str, Any]:
        """The values of custom fields."""
        found: dict[str, Any] = self.columns["attributes"]
        return found

    def merge_fields(self) -> dict[str, Any]:
        """Return what templates can say of it."""
        return liquid_context(self.columns)

    def undergo(self, action: object) -> None:
        """Change it as an action would, if the action changes contacts."""
        match action:
            case ChangeList(list=list_id, add=True):
                self.list_ids.add(list_id)
            case ChangeList(list=list_id):
                self.list_ids.discard(list_id)
            case ChangeTag(tag=tag, add=add):
                others = [each for each in self.columns["tags"] if each != tag]
                self.columns["tags"] = sorted([*others, tag]) if add else others
            case SetField(field=key, value=None):
                self.attributes.pop(key, None)
            case SetField(field=key, value=value):
                self.attributes[key] = value


def person_of(contact: Contact) -> Person:
    """Return a contact as it is now."""
    columns = {item.attname: getattr(contact, item.attname) for item in Contact._meta.concrete_fields}
    columns["attributes"], columns["tags"] = dict(contact.attributes), list(contact.tags)
    members = ListMember.objects.filter(contact=contact).values_list("list_id", flat=True)
    return Person(contact.pk, columns, set(members), contact.workspace.time_zone)


def made_up_person(
    workspace: Workspace, given: Mapping[str, Any] | None = None, *, list_ids: Collection[int] = ()
) -> Person:
    """Return somebody with these columns (`attributes` are values by the key of custom fields) in these lists.

    Raises InvalidContact for a value that no contact can have, InvalidInput for a list of another workspace.
    """
    columns = check_columns(workspace.pk, {"email": SAMPLE_ADDRESS, **(given or {})}, known={})
    known = set(List.objects.filter(workspace=workspace, pk__in=list_ids).values_list("pk", flat=True))
    if missing := sorted(set(list_ids) - known):
        message = f"This workspace has no list {missing[0]}."
        raise InvalidInput(message, fields={"lists": [message]})
    contact = Contact(workspace=workspace, pk=0, **columns)
    person = {item.attname: getattr(contact, item.attname) for item in Contact._meta.concrete_fields}
    return Person(0, person, known, workspace.time_zone)
