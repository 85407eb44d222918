"""Sending domains: added, their DKIM keys made, activated, replaced and deleted, their records in the DNS checked."""

import time
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from core import clock
from core.exceptions import InvalidInput
from delivery.dkim import Algorithm, generate
from delivery.domains import checklist, stored
from delivery.domains.checklist import Report
from delivery.domains.names import BadRecipientError, domain_of
from delivery.domains.resolving import Dns
from delivery.domains.signing import seal_private
from delivery.exceptions import SendingDomainError
from delivery.models import DkimKey, SendingDomain
from team.models import Workspace

BOTH = (Algorithm.RSA, Algorithm.ED25519)
CHECK_EVERY = timedelta(hours=24)
# A record that somebody has just published should not have to wait for a day.
CHECK_PENDING_EVERY = timedelta(minutes=15)
_CHECKED_AT_ONCE = 20
# A worker that also sends mail is not held up for longer by a DNS that is slow.
_RUN_SECONDS = 15.0


def add_domain(*, workspace: Workspace, name: str) -> SendingDomain:
    """Add a domain that mail will come from, or return it if it is known.  Raises InvalidInput."""
    try:
        ascii_name = domain_of(name)
    except BadRecipientError as error:
        message = "Give a domain like example.com."
        raise InvalidInput(message, fields={"name": [message]}) from error
    return SendingDomain.objects.get_or_create(workspace=workspace, name=ascii_name)[0]


def note_domain_of(workspace: Workspace, address: str) -> None:
    """See that the domain of a mailbox's address is among the sending domains; one without a public domain is passed over."""
    try:
        name = domain_of(address)
    except BadRecipientError:
        return
    add_domain(workspace=workspace, name=name)


def create_dkim_keys(domain: SendingDomain, *, algorithms: Sequence[Algorithm] = BOTH) -> list[DkimKey]:
    """Make new keys, which wait until their records are seen; what signs now goes on until then.

    Raises SendingDomainError while keys wait already.
    """
    pairs = [generate(algorithm) for algorithm in algorithms]  # an RSA key takes a tenth of a second: before the lock
    with transaction.atomic():
        locked = SendingDomain.objects.select_for_update().get(pk=domain.pk)
        if locked.keys.filter(status=DkimKey.Status.PENDING).exists():
            message = "New keys wait for their records already. Publish those, or delete them first."
            raise SendingDomainError(message, code="keys_pending")
        SendingDomain.objects.filter(pk=domain.pk).update(selectors=F("selectors") + 1)
        keys = []
        for pair in pairs:
            selector = f"drumbeat{locked.selectors + 1}{'e' if pair.algorithm is Algorithm.ED25519 else ''}"
            sealed = seal_private(locked.workspace_id, locked.name, selector, pair.private)
            keys.append(
                DkimKey.objects.create(
                    workspace_id=locked.workspace_id,
                    domain=locked,
                    algorithm=pair.algorithm.value,
                    selector=selector,
                    public=pair.public,
                    private_encrypted=sealed,
                )
            )
    return keys


@transaction.atomic
def activate_dkim_key(key: DkimKey) -> DkimKey:
    """Let a waiting key sign from the next batch on; the one of its kind that signs now is replaced, and destroyed.

    The replaced key's record must stay published for a week, as mail signed with it is still on its way.
    Raises SendingDomainError unless it waits.
    """
    SendingDomain.objects.select_for_update().get(pk=key.domain_id)
    now = clock.now()
    waiting = DkimKey.objects.filter(pk=key.pk, status=DkimKey.Status.PENDING)
    if not waiting.exists():
        raise SendingDomainError("Only a key that waits for its record can be activated.")
    DkimKey.objects.filter(domain_id=key.domain_id, algorithm=key.algorithm, status=DkimKey.Status.ACTIVE).update(
        status=DkimKey.Status.RETIRED, retired_at=now, private_encrypted=""
    )
    waiting.update(status=DkimKey.Status.ACTIVE, activated_at=now)
    key.refresh_from_db()
    return key


def delete_dkim_key(key: DkimKey) -> None:
    """Delete a key; if it signs now, mail goes out without its signature from the next batch on."""
    key.delete()


@transaction.atomic
def delete_domain(domain: SendingDomain) -> None:
    """Delete a domain with its keys.  Raises SendingDomainError while mailboxes send from it."""
    if stored.mailboxes_of_domain(domain):
        raise SendingDomainError("Mailboxes send from this domain. Remove them first.", code="domain_in_use")
    domain.delete()


def check_domain(domain: SendingDomain, *, budget: float = 12.0) -> Report:
    """Ask the DNS, for `budget` seconds at most, keep what it said, and activate the keys that are published now."""
    subject = stored.subject_of(domain)
    dns = Dns(settings.DNS_RESOLVERS, budget=budget)
    report = checklist.examine(subject, dns)
    subject = subject.after_activation(report.published)
    report = checklist.examine(subject, dns)  # every answer is known by now
    now = clock.now()
    with transaction.atomic():
        locked = SendingDomain.objects.select_for_update().filter(pk=domain.pk).first()
        if locked is None:  # deleted meanwhile
            return report
        published = locked.keys.filter(selector__in=report.published)
        published.update(seen_at=now)
        for key in published.filter(status=DkimKey.Status.PENDING):
            activate_dkim_key(key)
        rows = [item.dump() for item in report.items]
        SendingDomain.objects.filter(pk=domain.pk).update(checked_at=now, checks=rows)
    domain.refresh_from_db()
    return report


def check_due_domains() -> int:
    """Check the domains whose last look is a day old, sooner where keys wait; return how many were checked."""
    now = clock.now()
    due = (
        SendingDomain.objects.filter(
            Q(checked_at=None)
            | Q(checked_at__lt=now - CHECK_EVERY)
            | Q(checked_at__lt=now - CHECK_PENDING_EVERY, keys__status=DkimKey.Status.PENDING)
        )
        .order_by(F("checked_at").asc(nulls_first=True), "pk")
        .distinct()[:_CHECKED_AT_ONCE]
    )
    checked = 0
    ends = time.monotonic() + _RUN_SECONDS
    for domain in due:
        check_domain(domain)
        checked += 1
        if time.monotonic() > ends:  # the next run goes on
            break
    return checked
