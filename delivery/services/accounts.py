"""Mailboxes that send by a provider's API instead of SMTP."""

from typing import Any

from django.db import transaction

from core.exceptions import InvalidInput
from delivery.domains.names import BadRecipientError, domain_of
from delivery.esp import PROVIDERS, provider_of
from delivery.esp.accounts import seal_key
from delivery.models import ApiAccount, Mailbox
from delivery.services import mailboxes
from team.models import Workspace

_HTTPS = 443


@transaction.atomic
def create_api_mailbox(
    *,
    workspace: Workspace,
    from_email: str,
    provider: str,
    api_key: str,
    domain: str = "",
    region: str = "",
    **values: Any,
) -> Mailbox:
    """Add a mailbox that sends by a provider's API; `values` are its other columns.  Raises InvalidInput."""
    known = provider_of(provider)
    mailbox = mailboxes.create_mailbox(
        workspace=workspace,
        from_email=from_email,
        smtp_host=known.host if known else "localhost",
        smtp_port=_HTTPS,
        smtp_security=Mailbox.Security.TLS,
        **values,
    )
    set_api_account(mailbox, provider=provider, api_key=api_key, domain=domain, region=region)
    return mailbox


@transaction.atomic
def set_api_account(
    mailbox: Mailbox, *, provider: str, api_key: str | None = None, domain: str = "", region: str = ""
) -> ApiAccount:
    """Let a mailbox send by a provider's API from the next batch on.  `api_key` None keeps the stored key.

    Raises InvalidInput with the fields that can't be used.
    """
    stored = ApiAccount.objects.select_for_update().filter(mailbox=mailbox).first()
    found = provider_of(provider)
    errors: dict[str, list[str]] = {}
    if found is None:
        errors["provider"] = [f"This must be one of {', '.join(known.key for known in PROVIDERS)}."]
    elif region and region not in found.regions:
        errors["region"] = [f"{found.label} has no such region."]
    if not api_key and (stored is None or stored.provider != provider):
        errors["api_key"] = ["Enter the API key."]
    if found is not None and found.domain_argument:
        try:
            domain = domain_of(domain or mailbox.from_email)
        except BadRecipientError:
            errors["domain"] = ["Give a domain like mg.example.com."]
    if errors:
        raise InvalidInput("The account can't be used as it is.", fields=errors)
    account = stored or ApiAccount(workspace_id=mailbox.workspace_id, mailbox=mailbox)
    account.provider, account.domain, account.region = provider, domain, region
    if api_key:
        account.key_encrypted = seal_key(mailbox.workspace_id, api_key.strip())
    account.save()
    mailboxes.forget_failures(mailbox.pk)
    return account


@transaction.atomic
def remove_api_account(mailbox: Mailbox) -> None:
    """Let a mailbox send by its SMTP server again; the API key is destroyed."""
    ApiAccount.objects.filter(mailbox=mailbox).delete()
    mailboxes.forget_failures(mailbox.pk)
