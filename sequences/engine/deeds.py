"""What action steps do, for all who come by together, in the transaction that moves them."""

from collections.abc import Collection

from contacts import services as contacts
from contacts.models import List
from sequences.kinds.actions import ChangeList, SetField
from team.services import audit_as_workspace


def carry_out(workspace_id: int, action: ChangeList | SetField, contact_ids: Collection[int]) -> None:
    """Do it to the contacts (ids in order, as their rows are locked).  A list that is gone takes nobody in."""
    audit_as_workspace(workspace_id)
    match action:
        case ChangeList(list=list_id, add=add):
            list_ = List.objects.filter(workspace_id=workspace_id, pk=list_id).first()
            if list_ is None:
                return
            if add:
                contacts.add_members(list_=list_, contact_ids=contact_ids)
            else:
                contacts.remove_members(list_=list_, contact_ids=contact_ids)
        case SetField(field=field, value=value):
            contacts.set_field(workspace_id=workspace_id, key=field, value=value, contact_ids=contact_ids)
