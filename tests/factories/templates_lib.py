"""Templates, images and people to preview as, for tests."""

import io
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from contacts.models import Contact
from team.models import Membership, Workspace
from templates_lib import services
from templates_lib.models import Asset, Template

FOOTER = '<p><a href="{{ unsubscribeUrl }}">Unsubscribe</a> {{ workspace.address }}</p>'
SOURCE = f"<html><body><p>Hello {{{{ firstName }}}}</p>{FOOTER}</body></html>"
MJML = (
    "<mjml><mj-body><mj-section><mj-column>\n"
    f"<mj-text>Hello {{{{ firstName }}}}</mj-text>\n<mj-text>{FOOTER}</mj-text>\n"
    "</mj-column></mj-section></mj-body></mjml>"
)


def make_template(workspace: Workspace, **fields: Any) -> Template:
    """Write an HTML template with one version."""
    values: dict[str, Any] = {"name": "Welcome", "format": "html", "subject": "Hello", "source": SOURCE} | fields
    return services.create_template(workspace=workspace, **values)


def make_contact(workspace: Workspace, email: str = "grace@example.com", **fields: Any) -> Contact:
    """Write a contact."""
    values: dict[str, Any] = {"first_name": "Grace", "last_name": "Hopper", "locale": "de-DE"} | fields
    return Contact.objects.create(workspace=workspace, email=email, email_key=email, **values)


def image_bytes(kind: str = "PNG", size: tuple[int, int] = (4, 3)) -> bytes:
    """Return a small image."""
    buffer = io.BytesIO()
    Image.new("RGB", size, "#336699").save(buffer, kind)
    return buffer.getvalue()


def make_asset(workspace: Workspace, name: str = "logo.png") -> Asset:
    """Keep an image."""
    return services.upload_asset(workspace=workspace, upload=SimpleUploadedFile(name, image_bytes()))


def save(template: Template, by: Membership | None = None, **changes: Any) -> Template:
    """Save another version, as a member."""
    version = template.current_version
    assert version is not None
    fields = ("format", "subject", "preheader", "source", "text_source")
    content = {name: getattr(version, name) for name in fields} | changes
    services.save_version(template, base_number=version.number, user=by.user if by else None, **content)
    template.refresh_from_db()
    return template
