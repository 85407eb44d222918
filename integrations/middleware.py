"""Lets clients send a write twice and have it happen once."""

import re
from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import AuthenticationFailed

from core.api.problems import plain_problem
from core.exceptions import DomainError
from integrations import services
from integrations.exceptions import RequestUnderWayError
from integrations.fingerprints import fingerprint
from integrations.services import StoredAnswer
from team.access import MemberRequest
from team.api.authentication import bearer_token
from team.models import Workspace

API_PREFIX = "/api/"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
RETRY_AFTER = "2"
"""How long to wait before asking again for an answer that isn't there yet, in seconds."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class IdempotencyMiddleware:
    """Answers an API write that bears an `Idempotency-Key` for the second time as it was answered the first time.

    The key belongs to a workspace; the same key with another request is a 422, and a 409 while the first one is under
    way. Only what changed something (a status below 400) is kept, for 24 hours: what was refused may be sent again. Of an
    answer that must not be stored (`Cache-Control: no-store`, a new secret) only that it was given is kept: a 409.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.headers.get("Idempotency-Key")
        if key is None or request.method not in WRITES or not request.path.startswith(API_PREFIX):
            return self.get_response(request)
        if not _KEY.fullmatch(key):
            detail = "An Idempotency-Key is 1 to 255 visible ASCII characters, for example a UUID."
            return plain_problem(status_code=400, code="bad_idempotency_key", detail=detail)
        workspace, actor = _caller(request)
        if workspace is None:  # nobody we know: the view refuses
            return self.get_response(request)
        return self._once(request, workspace, key, fingerprint(request, actor=actor))

    def _once(self, request: HttpRequest, workspace: Workspace, key: str, request_hash: bytes) -> HttpResponse:
        try:
            stored = services.claim_key(workspace=workspace, key=key, request_hash=request_hash)
        except DomainError as error:
            headers = {"Retry-After": RETRY_AFTER} if isinstance(error, RequestUnderWayError) else {}
            return plain_problem(status_code=error.status, code=error.code, detail=error.message, headers=headers)
        if stored is not None:
            return _replay(stored)
        try:
            response = self.get_response(request)
        except BaseException:
            services.release_key(workspace=workspace, key=key)
            raise
        if response.status_code < 400 and not response.streaming:
            services.keep_answer(workspace=workspace, key=key, answer=_kept(response))
        else:
            services.release_key(workspace=workspace, key=key)
        return response


def _caller(request: HttpRequest) -> tuple[Workspace | None, str]:
    try:
        token = bearer_token(request)
    except AuthenticationFailed:
        return None, ""
    if token is not None:
        return token.workspace, f"token:{token.pk}"
    member_request = cast("MemberRequest", request)
    return member_request.workspace, member_request.actor_label


def _kept(response: HttpResponse) -> StoredAnswer:
    """Return what the second request is answered; a secret that is shown once is written down nowhere."""
    if "no-store" in response.headers.get("Cache-Control", ""):
        detail = "This was done. The first answer held a secret, which is shown once; if it was lost, make another one."
        response = plain_problem(status_code=409, code="shown_once", detail=detail)
    return StoredAnswer(response.status_code, response.headers.get("Content-Type", ""), response.content)


def _replay(stored: StoredAnswer) -> HttpResponse:
    response = HttpResponse(stored.body, status=stored.status, headers={"Idempotent-Replayed": "true"})
    if stored.content_type:
        response.headers["Content-Type"] = stored.content_type
    else:
        del response.headers["Content-Type"]
    return response
