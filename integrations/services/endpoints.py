"""The programs that are told by webhooks: their addresses and secrets, and what is written down for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from core import clock
from core.encryption import decrypt, encrypt
from core.exceptions import DomainError, InvalidInput
from core.posting import url_problem
from core.standard_webhooks import key_of, new_secret
from integrations.models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookEvent
from team.models import Workspace

OLD_SECRET_SIGNS = timedelta(hours=24)
MOST_ENDPOINTS = 20
LONGEST_URL = 2000
TEST_EVENT = "webhook.test"
_OFF = "The webhook was turned off."


def context_of(endpoint: WebhookEndpoint) -> str:
    """Return what the secrets of an endpoint are bound to."""
    return f"integrations.WebhookEndpoint.secret:{endpoint.workspace_id}:{endpoint.pk}"


@transaction.atomic
def save_endpoint(
    *, workspace: Workspace, endpoint: WebhookEndpoint | None = None, **changes: Any
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint, or change one; return it with its secret if it is new, which is shown this once.

    One that is turned on starts afresh; one that is turned off is not told either of what still waits.  Raises InvalidInput, whose
    `fields` name what can't be.
    """
    made = endpoint or WebhookEndpoint(workspace=workspace, events=list(WebhookEvent.values))
    was_active = made.is_active
    for name, value in changes.items():
        setattr(made, name, value.strip() if isinstance(value, str) else value)
    made.events = sorted(set(made.events))
    if errors := _errors(made):
        raise InvalidInput(next(iter(errors.values()))[0], fields=errors)
    if made.is_active and not was_active:
        made.failing_since, made.problem = None, ""
    if endpoint is None:
        # The lock of the workspace's row makes the count right.
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        if WebhookEndpoint.objects.filter(workspace=workspace).count() >= MOST_ENDPOINTS:
            raise DomainError(f"A workspace has at most {MOST_ENDPOINTS} webhooks. Delete one first.")
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError as error:
        message = "Another webhook goes to this address."
        raise InvalidInput(message, fields={"url": [message]}) from error
    if was_active and not made.is_active:
        give_up_waiting(made, error=_OFF, now=clock.now())
    if endpoint is not None:
        return made, ""
    secret = new_secret()
    made.secret_encrypted = encrypt(secret, context=context_of(made))
    made.save(update_fields=["secret_encrypted"])
    return made, secret


def _errors(endpoint: WebhookEndpoint) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    if len(endpoint.url) > LONGEST_URL:
        errors["url"] = [f"At most {LONGEST_URL:,} letters."]
    elif problem := url_problem(endpoint.url):
        errors["url"] = [problem]
    if not endpoint.events or not set(endpoint.events) <= set(WebhookEvent.values):
        errors["events"] = [f"Choose from: {', '.join(WebhookEvent.values)}."]
    return errors


@transaction.atomic
def renew_endpoint_secret(endpoint: WebhookEndpoint) -> str:
    """Give an endpoint another secret and return it; for 24 hours requests are signed with the old one, too."""
    locked = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    secret = new_secret()
    locked.old_secret_encrypted = locked.secret_encrypted
    locked.old_secret_until = clock.now() + OLD_SECRET_SIGNS
    locked.secret_encrypted = encrypt(secret, context=context_of(locked))
    locked.save(update_fields=["secret_encrypted", "old_secret_encrypted", "old_secret_until"])
    return secret


def signing_keys(endpoint: WebhookEndpoint, *, now: datetime) -> list[bytes]:
    """Return the keys that sign what the endpoint is sent, the newest first.  Raises DecryptionError."""
    context = context_of(endpoint)
    keys = [key_of(decrypt(endpoint.secret_encrypted, context=context))]
    if endpoint.old_secret_until is not None and now < endpoint.old_secret_until:
        keys.append(key_of(decrypt(endpoint.old_secret_encrypted, context=context)))
    return keys


def delete_endpoint(endpoint: WebhookEndpoint) -> None:
    """Delete an endpoint with its log; what still waits is not told."""
    endpoint.delete()


def write_down(endpoints: Sequence[WebhookEndpoint], *, event: str, data: Mapping[str, Any]) -> list[WebhookDelivery]:
    """Note in the caller's transaction what these endpoints are to be told; it is delivered once that is committed."""
    now = clock.now()
    payload = {"type": event, "timestamp": now.isoformat(), "data": dict(data)}
    return WebhookDelivery.objects.bulk_create(
        WebhookDelivery(endpoint=endpoint, event=event, payload=payload, created_at=now, due_at=now)
        for endpoint in endpoints
    )


def send_test(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Tell an endpoint nothing but that webhooks arrive.  Raises DomainError if it is off."""
    _need_active(endpoint)
    return write_down([endpoint], event=TEST_EVENT, data={})[0]


@transaction.atomic
def resend(delivery: WebhookDelivery) -> WebhookDelivery:
    """Tell an endpoint again what it was told, under the same webhook-id.  Raises DomainError if it waits anyway, or the endpoint is off."""
    _need_active(delivery.endpoint)
    finished = WebhookDelivery.objects.filter(pk=delivery.pk).exclude(state=DeliveryState.WAITING)
    if not finished.update(state=DeliveryState.WAITING, attempts=0, due_at=clock.now(), finished_at=None):
        raise DomainError("It is tried again by itself.")
    delivery.refresh_from_db()
    return delivery


def give_up_waiting(endpoint: WebhookEndpoint, *, error: str, now: datetime) -> None:
    """Let what waits for an endpoint fail."""
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, state=DeliveryState.WAITING)
    waiting.update(state=DeliveryState.FAILED, error=error, finished_at=now)


def _need_active(endpoint: WebhookEndpoint) -> None:
    if not endpoint.is_active:
        raise DomainError("This webhook is off. Turn it on first.")
