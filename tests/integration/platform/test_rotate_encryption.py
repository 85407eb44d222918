"""`manage.py rotate_encryption`: every stored secret under the first key, however often it is run."""

from io import StringIO

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import models

from core import secret_columns
from core.encryption import current_key_id
from delivery import services
from delivery.domains.signing import signer_of
from delivery.models import DkimKey, Mailbox, SendingDomain
from delivery.servers import read_password
from delivery.services import secrets
from integrations import services as integrations
from tests.factories.delivery import make_mailbox, make_workspace

pytestmark = pytest.mark.django_db

OLD = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
NEW = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="


def rotate() -> str:
    output = StringIO()
    call_command("rotate_encryption", stdout=output)
    return output.getvalue()


@pytest.fixture
def mailbox() -> Mailbox:
    """A mailbox with a password, one without, and a signing key, all under the old key."""
    workspace = make_workspace()
    made = make_mailbox(workspace, smtp_username="me", smtp_password="pässword")
    make_mailbox(workspace, from_email="bob@acme.example")
    services.activate_dkim_key(services.create_dkim_keys(SendingDomain.objects.get())[0])
    return made


def test_every_secret_goes_under_the_first_key_and_is_the_same(
    mailbox: Mailbox, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_columns, "_AT_ONCE", 1)
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    report = rotate()
    assert "delivery_mailbox.smtp_password_encrypted: 1 of 1 secrets renewed" in report
    assert "delivery_dkimkey.private_encrypted: 2 of 2 secrets renewed" in report
    settings.ENCRYPTION_KEYS = [NEW]
    mailbox.refresh_from_db()
    assert read_password(mailbox) == "pässword"
    assert signer_of(mailbox) is not None
    assert all(key.private_encrypted.startswith(current_key_id()) for key in DkimKey.objects.all())
    before = list(DkimKey.objects.values_list("private_encrypted", flat=True))
    assert "0 of 2 secrets renewed" in rotate()
    assert list(DkimKey.objects.values_list("private_encrypted", flat=True)) == before


def test_a_secret_of_a_lost_key_is_left_and_told(mailbox: Mailbox, settings: LazySettings) -> None:
    settings.ENCRYPTION_KEYS = [NEW]
    before = list(Mailbox.objects.order_by("pk").values_list("smtp_password_encrypted", flat=True))
    with pytest.raises(CommandError, match="3 secrets can be read with none"):
        rotate()
    assert list(Mailbox.objects.order_by("pk").values_list("smtp_password_encrypted", flat=True)) == before


def test_no_column_of_secrets_is_forgotten() -> None:
    columns = {
        f"{model._meta.db_table}.{field.attname}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.Field) and field.attname.endswith("_encrypted")
    }
    assert columns == {column.label for column in (*secrets.COLUMNS, *integrations.SECRET_COLUMNS)}
