"""A workspace with a mailbox on a real SMTP server."""

from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings

from delivery.models import Mailbox
from delivery.services import sending
from team.models import Workspace
from tests.factories import delivery as make
from tests.plugins.mail import SmtpSink


@pytest.fixture(autouse=True)
def _own_journal(tmp_path, settings) -> Iterator[None]:
    """Each test has its own folder of journals, and its own worker in this process."""
    settings.DATA_DIR = tmp_path
    yield
    for courier in sending._couriers.values():
        courier.retire(keep_journal=False)
    sending._couriers.clear()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch) -> None:
    """A server that stalls is given up within a second."""
    from delivery import servers
    from delivery.smtp import Patience

    monkeypatch.setattr(servers, "PATIENCE", Patience(connect=1, greeting=1, command=1, transfer=1, content=1))
    assert not django_settings.EMAIL_SANDBOX


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    return make.make_workspace()


@pytest.fixture
def mailbox(workspace: Workspace, smtp_sink: SmtpSink) -> Mailbox:
    return make.make_mailbox(workspace, port=smtp_sink.port)
