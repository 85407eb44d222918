"""What makes two requests the same one."""

from collections.abc import Iterator
from hashlib import sha256

from django.http import HttpRequest


def fingerprint(request: HttpRequest, *, actor: str) -> bytes:
    """Return 32 bytes that are equal for the same request by the same caller: method, URL, and body or uploaded fields.

    Form uploads are read by Django's upload handlers (large files go to disk) and hashed by their content, since every
    client draws a new multipart boundary when it sends the same form again.
    """
    digest = sha256()
    is_form = (request.content_type or "").startswith("multipart/")
    for piece in (_head(request, actor), *(_form(request) if is_form else _body(request))):
        digest.update(piece)
    return digest.digest()


def _head(request: HttpRequest, actor: str) -> bytes:
    return _framed(actor, request.method or "", request.get_full_path())


def _body(request: HttpRequest) -> Iterator[bytes]:
    yield _framed(request.content_type or "")
    yield request.body


def _form(request: HttpRequest) -> Iterator[bytes]:
    for name in sorted(request.POST):
        yield _framed(name, *request.POST.getlist(name))
    for name in sorted(request.FILES):
        for upload in request.FILES.getlist(name):
            yield _framed(name, upload.name or "", str(upload.size))
            yield from upload.chunks()
            upload.seek(0)


def _framed(*parts: str) -> bytes:
    """Join parts so that no two different lists of them give the same bytes."""
    return b"".join(b"%d:%b" % (len(encoded), encoded) for encoded in (part.encode() for part in parts))
