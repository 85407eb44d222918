"""A member with a mailbox on the test's own SMTP server, and workers."""

from collections.abc import Callable

import pytest

from delivery.models import Mailbox
from team.models import Membership
from tests.factories.sequences import make_mailbox
from tests.factories.team import MembershipFactory
from tests.plugins.mail import SmtpSink
from tests.plugins.workers import WorkerProcess


@pytest.fixture
def member(live_server: object) -> Membership:
    return MembershipFactory(role="editor")


@pytest.fixture
def mailbox(member: Membership, smtp_sink: SmtpSink) -> Mailbox:
    return make_mailbox(member.workspace, host=smtp_sink.host, port=smtp_sink.port)


@pytest.fixture
def work(start_worker: Callable[..., WorkerProcess]) -> WorkerProcess:
    """A worker with its beat."""
    return start_worker(concurrency=2, beat=True)
