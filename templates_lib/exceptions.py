from typing import TYPE_CHECKING

from core.exceptions import DomainError, InvalidInput

if TYPE_CHECKING:
    from templates_lib.models import TemplateVersion


class StaleVersionError(DomainError):
    """Somebody saved since this copy was opened; `current` is what they saved.  Nothing was changed."""

    code = "stale_version"

    def __init__(self, current: "TemplateVersion") -> None:
        who = str(current.created_by) if current.created_by else "Somebody"
        super().__init__(f"{who} saved version {current.number} of this template meanwhile. Nothing was overwritten.")
        self.current = current


class UnusableImage(InvalidInput):
    """The upload is no image that mail can show."""

    code = "image_unusable"


class UnusableFile(InvalidInput):
    """The file holds no template."""

    code = "file_unusable"
