"""The sending domains of a workspace, read."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from core.exceptions import NotFound
from delivery.compose.addresses import BadRecipientError
from delivery.dkim import Algorithm, record_name, record_text
from delivery.domains.checklist import Item, Level, PublishedKey, Subject, TxtRecord, worst
from delivery.domains.names import domain_of
from delivery.esp.providers import provider_of
from delivery.models import DkimKey, Mailbox, SendingDomain
from team.models import Workspace

# Mail that was signed with a replaced key may still be on its way for as long as receivers queue, and a little longer.
KEEP_PUBLISHED = timedelta(days=7)


def domains_in(workspace: Workspace) -> QuerySet[SendingDomain]:
    """Return the workspace's sending domains with `active_keys` and `pending_keys` counted."""
    return (
        SendingDomain.objects.filter(workspace=workspace)
        .annotate(
            active_keys=Count("keys", filter=Q(keys__status=DkimKey.Status.ACTIVE)),
            pending_keys=Count("keys", filter=Q(keys__status=DkimKey.Status.PENDING)),
        )
        .order_by("name")
    )


def domain_in(workspace: Workspace, domain_id: int) -> SendingDomain:
    """Return one of the workspace's sending domains.  Raises NotFound, also for those of other workspaces."""
    domain = domains_in(workspace).filter(pk=domain_id).first()
    if domain is None:
        raise NotFound("There is no such domain.")
    return domain


def dkim_key_in(workspace: Workspace, domain_id: int, key_id: int) -> DkimKey:
    """Return one of a domain's keys.  Raises NotFound, also for those of other workspaces."""
    keys = DkimKey.objects.filter(workspace=workspace, domain_id=domain_id, pk=key_id)
    key = keys.select_related("domain").first()
    if key is None:
        raise NotFound("There is no such key.")
    return key


def dkim_key_called(domain: SendingDomain, selector: str) -> DkimKey:
    """Return the key of a domain that has this selector.  Raises NotFound."""
    key = domain.keys.select_related("domain").filter(selector=selector).first()
    if key is None:
        raise NotFound("The domain has no key with this selector.")
    return key


def mailboxes_of_domain(domain: SendingDomain) -> list[Mailbox]:
    """Return the mailboxes whose from address is at the domain."""
    return [mailbox for mailbox in _mailboxes([domain.workspace_id]) if name_of(mailbox) == domain.name]


def domains_of(mailboxes: Iterable[Mailbox]) -> dict[str, SendingDomain]:
    """Return the sending domains of mailboxes of one workspace by name; those that are not known are left out."""
    mailboxes = list(mailboxes)
    names = {name for mailbox in mailboxes if (name := name_of(mailbox))}
    found = SendingDomain.objects.filter(workspace_id__in={m.workspace_id for m in mailboxes}, name__in=names)
    return {domain.name: domain for domain in found}


def name_of(mailbox: Mailbox) -> str:
    """Return the domain of a mailbox's from address; "" when it is none that the DNS could know."""
    try:
        return domain_of(mailbox.from_email)
    except BadRecipientError:
        return ""


def subject_of(domain: SendingDomain) -> Subject:
    """Return what the checks need to know of a domain."""
    keys = [
        PublishedKey(key.selector, key.algorithm, key.public, key.status)
        for key in domain.keys.exclude(status=DkimKey.Status.RETIRED).order_by("id")
    ]
    hosts = dict.fromkeys(_host_of(mailbox) for mailbox in mailboxes_of_domain(domain))
    return Subject(domain.name, keys, list(hosts))


def _host_of(mailbox: Mailbox) -> str:
    """Return the name of what takes a mailbox's mail: its SMTP server, or the API that it sends by."""
    account = getattr(mailbox, "api_account", None)
    provider = provider_of(account.provider) if account is not None else None
    return provider.host if provider is not None else mailbox.smtp_host


def checks_of(domain: SendingDomain) -> list[Item]:
    """Return what the last look at the DNS found; nothing before the first one."""
    return [Item.load(row) for row in domain.checks]


def standing(domain: SendingDomain) -> Level | None:
    """Return the level of the worst thing that the last look found; None before the first one."""
    return worst(checks_of(domain))


def record_of(key: DkimKey) -> TxtRecord:
    """Return the TXT record that publishes a key; `key.domain` is read."""
    name = record_name(key.selector, key.domain.name)
    return TxtRecord(name, record_text(Algorithm(key.algorithm), key.public))


def keep_until(key: DkimKey) -> datetime | None:
    """Return until when a replaced key's record must stay published; None for one that is not replaced."""
    return key.retired_at + KEEP_PUBLISHED if key.retired_at is not None else None


def _mailboxes(workspace_ids: Iterable[int]) -> QuerySet[Mailbox]:
    return Mailbox.objects.filter(workspace_id__in=workspace_ids, archived_at=None).select_related("api_account")
