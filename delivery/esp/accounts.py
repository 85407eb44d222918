"""The account that a mailbox sends through, read."""

from django.conf import settings

from core.encryption import decrypt, encrypt
from delivery.esp.providers import Account, provider_of
from delivery.models import ApiAccount, Mailbox


def account_of(mailbox: Mailbox, *, own: bool = False) -> Account | None:
    """Return the account at a provider that takes the mailbox's mail; None when its SMTP server does.

    Also None if the installation sends everything to the sandbox, unless `own` is asked for.
    Raises core.encryption.DecryptionError when the key can't be read.
    """
    if settings.EMAIL_SANDBOX and not own:
        return None
    stored = ApiAccount.objects.filter(mailbox=mailbox.pk).first() if mailbox.pk else None
    provider = provider_of(stored.provider) if stored is not None else None
    if stored is None or provider is None:
        return None
    key = decrypt(stored.key_encrypted, context=key_context(stored.workspace_id))
    return Account(provider, key, stored.domain, stored.region)


def seal_key(workspace_id: int, key: str) -> str:
    """Encrypt an API key for a mailbox of the workspace."""
    return encrypt(key, context=key_context(workspace_id))


def key_context(workspace_id: int) -> str:
    """Return what an encrypted API key is bound to."""
    return f"delivery.api_account:{workspace_id}"
