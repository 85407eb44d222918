from dataclasses import dataclass

from templates_lib.models import TemplateVersion


@dataclass(frozen=True, slots=True)
class Content:
    """What an author writes: the fields of a version, wherever they come from."""

    format: str
    subject: str
    source: str
    preheader: str = ""
    text_source: str = ""


def content_of(version: TemplateVersion) -> Content:
    """Return a version's content."""
    return Content(version.format, version.subject, version.source, version.preheader, version.text_source)
