"""Django admin of everything that sends: looked at, and changed by the services alone."""

from delivery.admin import names as names
from delivery.admin.counters import CounterAdmin, LinkCounterAdmin, MailboxCounterAdmin, MailboxDayAdmin
from delivery.admin.domains import DkimKeyAdmin, SendingDomainAdmin
from delivery.admin.mailboxes import ApiAccountAdmin, MailboxAdmin, OAuthLoginAdmin
from delivery.admin.messages import AttemptAdmin, BatchAdmin, LinkAdmin, MailingAdmin, MessageAdmin
from delivery.admin.rules import DomainPaceAdmin, SendingRulesAdmin

__all__ = [
    "ApiAccountAdmin",
    "AttemptAdmin",
    "BatchAdmin",
    "CounterAdmin",
    "DkimKeyAdmin",
    "DomainPaceAdmin",
    "LinkAdmin",
    "LinkCounterAdmin",
    "MailboxAdmin",
    "MailboxCounterAdmin",
    "MailboxDayAdmin",
    "MailingAdmin",
    "MessageAdmin",
    "OAuthLoginAdmin",
    "SendingDomainAdmin",
    "SendingRulesAdmin",
    "names",
]
