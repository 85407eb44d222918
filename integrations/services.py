"""Every write of the integrations: idempotency keys, and the sources of incoming webhooks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from core import clock
from core.encryption import decrypt, encrypt
from core.exceptions import InvalidInput
from core.secret_columns import Renewal, SecretColumn, renew
from integrations.exceptions import KeyReusedError, RequestUnderWayError
from integrations.models import EventSource, IdempotencyKey
from integrations.sources import found_at, new_secret, verify
from team.models import Workspace
from tracking.services import Taken, take_events

KEEP_ANSWERS = timedelta(hours=24)
LONGEST_REQUEST = timedelta(minutes=5)
"""After this long without an answer the process that had the request is taken for dead, and the key is free again."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer to the first request with a key."""

    status: int
    content_type: str
    body: bytes


def claim_key(*, workspace: Workspace, key: str, request_hash: bytes) -> StoredAnswer | None:
    """Claim an idempotency key for a request, or return the answer that an equal request got.

    None: the key is the caller's, who must call `keep_answer` or `release_key`. Raises KeyReusedError when the key
    belongs to another request, RequestUnderWayError when an equal one is not answered yet.
    """
    now = clock.now()
    _, is_new = IdempotencyKey.objects.get_or_create(
        workspace=workspace, key=key, defaults={"request_hash": request_hash, "created_at": now}
    )
    if is_new or _take_over(workspace, key, request_hash):
        return None
    known = IdempotencyKey.objects.filter(workspace=workspace, key=key).first()
    if known is None:  # released this very moment
        raise RequestUnderWayError("A request with this Idempotency-Key has just ended. Send it again.")
    if bytes(known.request_hash) != request_hash:
        raise KeyReusedError("This Idempotency-Key was used for another request. Choose a new key for each write.")
    if known.status is None:
        raise RequestUnderWayError("The first request with this Idempotency-Key is still under way.")
    return StoredAnswer(known.status, known.content_type, bytes(known.body))


def _take_over(workspace: Workspace, key: str, request_hash: bytes) -> bool:
    """Claim a key that is over, or whose request died; the conditional update lets one claimant through."""
    now = clock.now()
    keys = IdempotencyKey.objects.filter(workspace=workspace, key=key)
    dead = keys.filter(status=None, created_at__lt=now - LONGEST_REQUEST)
    over = keys.filter(created_at__lt=now - KEEP_ANSWERS)
    fresh = {"request_hash": request_hash, "created_at": now, "status": None, "body": b"", "content_type": ""}
    return bool(dead.update(**fresh) or over.update(**fresh))


def keep_answer(*, workspace: Workspace, key: str, answer: StoredAnswer) -> None:
    """Store the answer to a claimed key's request."""
    IdempotencyKey.objects.filter(workspace=workspace, key=key).update(
        status=answer.status, content_type=answer.content_type, body=answer.body
    )


def release_key(*, workspace: Workspace, key: str) -> None:
    """Free a claimed key whose request changed nothing, so that it can be sent again."""
    IdempotencyKey.objects.filter(workspace=workspace, key=key, status=None).delete()


@transaction.atomic
def forget_old_keys() -> int:
    """Delete the keys whose answers are no longer kept; return how many."""
    deleted, _ = IdempotencyKey.objects.filter(created_at__lt=clock.now() - KEEP_ANSWERS).delete()
    return deleted


# Incoming webhooks


def _context(source: EventSource) -> str:
    return f"integrations.EventSource.secret:{source.workspace_id}:{source.token}"


SECRET_COLUMNS = (SecretColumn(EventSource, "secret_encrypted", _context),)


def save_source(*, workspace: Workspace, source: EventSource | None = None, **changes: Any) -> tuple[EventSource, str]:
    """Make a source, or change one; return it with its secret if it is new, which is shown this once.

    Raises InvalidInput, whose `fields` name what can't be.
    """
    made = source or EventSource(workspace=workspace)
    errors: dict[str, list[str]] = {}
    for name, value in changes.items():
        setattr(made, name, value.strip() if isinstance(value, str) else value)
    for name, most in {"name": 100, "event_path": 200, "email_path": 200}.items():
        if not 0 < len(getattr(made, name)) <= most:
            errors[name] = [f"Give a text of up to {most} letters."]
    for name, most in {"properties_path": 200, "prefix": 40}.items():
        if len(getattr(made, name)) > most:
            errors[name] = [f"At most {most} letters."]
    if errors:
        raise InvalidInput(next(iter(errors.values()))[0], fields=errors)
    secret = "" if source else new_secret()
    if secret:
        made.secret_encrypted = encrypt(secret, context=_context(made))
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError as error:
        message = "Another source has this name."
        raise InvalidInput(message, fields={"name": [message]}) from error
    return made, secret


def renew_secret(source: EventSource) -> str:
    """Give a source another secret and return it; what is signed with the old one is refused from now on."""
    secret = new_secret()
    EventSource.objects.filter(pk=source.pk).update(secret_encrypted=encrypt(secret, context=_context(source)))
    return secret


def renew_secrets() -> list[Renewal]:
    """Encrypt the secrets of sources anew, with the first key, where another one encrypted them; safe to repeat."""
    return [renew(column) for column in SECRET_COLUMNS]


def delete_source(source: EventSource) -> None:
    """Delete a source; its events stay."""
    source.delete()


def take_webhook(source: EventSource, *, headers: Mapping[str, str], body: bytes) -> Taken:
    """Take the event that a signed request tells of; the same webhook-id twice is one event.

    Raises BadSignatureError, InvalidInput when the body isn't JSON or lacks what makes an event, which the source remembers.
    """
    now = clock.now()
    message_id = verify(decrypt(source.secret_encrypted, context=_context(source)), headers, body, now)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _refused(source, {"body": ["The body is no JSON."]}) from error
    name = found_at(document, source.event_path)
    properties = found_at(document, source.properties_path) if source.properties_path else document
    event = {
        "name": f"{source.prefix}{name}" if isinstance(name, str) else name,
        "email": found_at(document, source.email_path),
        "properties": properties if isinstance(properties, dict) else {},
        "key": f"hook:{source.pk}:{message_id}",
    }
    if event["email"] is None:
        raise _refused(source, {"email": [f"Nothing stands at {source.email_path}."]})
    taken = take_events(workspace_id=source.workspace_id, given=[event])
    if taken.errors:
        raise _refused(source, taken.errors[0])
    EventSource.objects.filter(pk=source.pk).update(received_at=now, problem="")
    return taken


def _refused(source: EventSource, errors: dict[str, list[str]]) -> InvalidInput:
    name, messages = next(iter(errors.items()))
    problem = f"{name}: {messages[0]}"
    EventSource.objects.filter(pk=source.pk).update(problem=problem)
    return InvalidInput(problem, fields=errors)
