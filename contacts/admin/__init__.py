"""Django admin of contacts: every change goes through the services, as on every other edge."""

from contacts.admin.contacts import ContactAdmin, DeletedContactAdmin
from contacts.admin.fields import ContactFieldAdmin
from contacts.admin.imports import ImportAdmin, ImportRejectionAdmin
from contacts.admin.lists import ListAdmin, ListMemberAdmin
from contacts.admin.segments import SegmentAdmin
from contacts.admin.suppressions import SuppressionAdmin

__all__ = [
    "ContactAdmin",
    "ContactFieldAdmin",
    "DeletedContactAdmin",
    "ImportAdmin",
    "ImportRejectionAdmin",
    "ListAdmin",
    "ListMemberAdmin",
    "SegmentAdmin",
    "SuppressionAdmin",
]
