"""The sources of incoming webhooks, and what they send."""

import json
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from core import clock
from core.encryption import decrypt, encrypt
from core.exceptions import InvalidInput
from core.standard_webhooks import new_secret, verify
from integrations.models import EventSource
from integrations.sources import found_at
from team.models import Workspace
from tracking.services import Taken, take_events


def context_of(source: EventSource) -> str:
    """Return what the secret of a source is bound to."""
    return f"integrations.EventSource.secret:{source.workspace_id}:{source.token}"


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
        made.secret_encrypted = encrypt(secret, context=context_of(made))
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
    EventSource.objects.filter(pk=source.pk).update(secret_encrypted=encrypt(secret, context=context_of(source)))
    return secret


def delete_source(source: EventSource) -> None:
    """Delete a source; its events stay."""
    source.delete()


def take_webhook(source: EventSource, *, headers: Mapping[str, str], body: bytes) -> Taken:
    """Take the event that a signed request tells of; the same webhook-id twice is one event.

    Raises BadSignatureError, InvalidInput when the body isn't JSON or lacks what makes an event, which the source remembers.
    """
    now = clock.now()
    message_id = verify(decrypt(source.secret_encrypted, context=context_of(source)), headers, body, now)
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
