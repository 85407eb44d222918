"""Who signs a mailbox's mail: the active keys of its from domain."""

from functools import lru_cache

from core.encryption import DecryptionError, decrypt, encrypt
from delivery.dkim import Signer, SigningKey, load_private
from delivery.domains.stored import name_of
from delivery.models import DkimKey, Mailbox


class SigningKeyError(DecryptionError):
    """A domain's key can't be read; the text says which and what to do."""


def signer_of(mailbox: Mailbox) -> Signer | None:
    """Return what signs this mailbox's mail, or None when its domain has no active key.

    One narrow query; as long as the keys stay the same it returns the same object.  Raises SigningKeyError.
    """
    name = name_of(mailbox)
    if not name:
        return None
    active = DkimKey.objects.filter(
        workspace_id=mailbox.workspace_id, domain__name=name, status=DkimKey.Status.ACTIVE
    ).order_by("-algorithm")  # a verifier that knows RSA alone meets it first
    sealed = tuple(active.values_list("selector", "private_encrypted"))
    return _signer(mailbox.workspace_id, name, sealed) if sealed else None


@lru_cache(maxsize=256)
def _signer(workspace_id: int, domain: str, sealed: tuple[tuple[str, str], ...]) -> Signer:
    keys = []
    for selector, private in sealed:
        try:
            opened = decrypt(private, context=context_of(workspace_id, domain, selector))
        except DecryptionError as error:
            raise SigningKeyError(
                f"The DKIM key {selector} of {domain} can't be read with this installation's keys. Delete it and make new ones."
            ) from error
        keys.append(SigningKey(selector, load_private(opened)))
    return Signer(domain, keys)


def seal_private(workspace_id: int, domain: str, selector: str, private: str) -> str:
    """Encrypt a private key for this place alone."""
    return encrypt(private, context=context_of(workspace_id, domain, selector))


def context_of(workspace_id: int, domain: str, selector: str) -> str:
    """Return what a private key's ciphertext is bound to."""
    return f"delivery.dkim:{workspace_id}:{selector}._domainkey.{domain}"
