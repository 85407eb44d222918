"""Idempotency keys: a write that is sent again is answered as the first time."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from core import clock
from integrations.exceptions import KeyReusedError, RequestUnderWayError
from integrations.models import IdempotencyKey
from team.models import Workspace

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
