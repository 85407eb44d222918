"""Every write of contacts, by noun."""

from contacts.services.bulk import (
    add_selection_to_list as add_selection_to_list,
)
from contacts.services.bulk import (
    delete_selection as delete_selection,
)
from contacts.services.bulk import (
    remove_selection_from_list as remove_selection_from_list,
)
from contacts.services.bulk import (
    suppress_selection as suppress_selection,
)
from contacts.services.contacts import (
    create_contact as create_contact,
)
from contacts.services.contacts import (
    delete_contacts as delete_contacts,
)
from contacts.services.contacts import (
    update_contact as update_contact,
)
from contacts.services.engagement import correct_engagement as correct_engagement
from contacts.services.engagement import record_engagement as record_engagement
from contacts.services.engagement import record_sent as record_sent
from contacts.services.fields import create_field as create_field
from contacts.services.fields import delete_field as delete_field
from contacts.services.fields import strip_field as strip_field
from contacts.services.fields import update_field as update_field
from contacts.services.imports import cancel_import as cancel_import
from contacts.services.imports import clean_imports as clean_imports
from contacts.services.imports import map_import as map_import
from contacts.services.imports import reread_import as reread_import
from contacts.services.imports import resume_imports as resume_imports
from contacts.services.imports import run_import as run_import
from contacts.services.imports import start_import as start_import
from contacts.services.lists import add_members as add_members
from contacts.services.lists import create_list as create_list
from contacts.services.lists import delete_list as delete_list
from contacts.services.lists import remove_members as remove_members
from contacts.services.lists import update_list as update_list
from contacts.services.segments import create_segment as create_segment
from contacts.services.segments import delete_segment as delete_segment
from contacts.services.segments import update_segment as update_segment
from contacts.services.suppressions import lift_suppression as lift_suppression
from contacts.services.suppressions import suppress as suppress
from contacts.services.suppressions import suppress_many as suppress_many
from contacts.services.suppressions import unsubscribe_contact as unsubscribe_contact
