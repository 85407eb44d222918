from core.exceptions import DomainError, InvalidInput


class StaleVersionError(DomainError):
    """Somebody saved version `current_number` since this copy was opened.  Nothing was changed."""

    code = "stale_version"

    def __init__(self, current_number: int, by: str = "") -> None:
        who = by or "Somebody"
        super().__init__(f"{who} saved version {current_number} of this template meanwhile. Nothing was overwritten.")
        self.current_number = current_number


class UnusableImage(InvalidInput):
    """The upload is no image that mail can show."""

    code = "image_unusable"


class UnusableFile(InvalidInput):
    """The file holds no template."""

    code = "file_unusable"
