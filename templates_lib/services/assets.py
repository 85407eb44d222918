"""Writes of images."""

import secrets

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from team.models import User, Workspace
from templates_lib.exceptions import UnusableImage
from templates_lib.images import MAX_BYTES, check_image
from templates_lib.models import Asset


def upload_asset(
    *,
    workspace: Workspace,
    upload: UploadedFile,  # type: ignore[type-arg]  # it takes none when it runs
    name: str = "",
    user: User | None = None,
) -> Asset:
    """Keep an uploaded image.  Raises UnusableImage for what is no image, too large or damaged."""
    if (upload.size or 0) > MAX_BYTES:
        raise UnusableImage(
            f"The image has {(upload.size or 0) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are allowed."
        )
    data = upload.read()
    image = check_image(name or upload.name or "image", data)
    with transaction.atomic():
        asset = Asset(
            workspace=workspace,
            name=image.name,
            width=image.width,
            height=image.height,
            bytes=len(data),
            created_by=user,
        )
        # A random name on disk: uploads can't guess or overwrite one another's.
        asset.file.save(f"{secrets.token_hex(16)}.{image.suffix}", ContentFile(data), save=True)
    return asset


def delete_asset(asset: Asset) -> None:
    """Delete an image and its file; mail that shows it will show its alt text."""
    storage, name = asset.file.storage, asset.file.name
    with transaction.atomic():
        asset.delete()
        transaction.on_commit(lambda: storage.delete(str(name)))
