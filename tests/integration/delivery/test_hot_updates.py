"""A campaign's sending touches no index: PostgreSQL's own count of its updates says so."""

from collections.abc import Iterator

import pytest
from django.db import connection

from contacts.models import Contact
from core import facts
from delivery import servers, services
from delivery.models import Message, MessageState
from delivery.smtp import Patience
from team.models import Workspace
from tests.factories import delivery as make
from tests.faults.receiver import Receiver, receiving

N = 1500
TABLES = ("delivery_message", "contacts_contact", "delivery_counter", "delivery_mailboxcounter")


def updates() -> dict[str, tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = ANY(%s)",
            [list(TABLES)],
        )
        return {name: (updated, hot) for name, updated, hot in cursor.fetchall()}


@pytest.fixture
def receiver(monkeypatch) -> Iterator[Receiver]:
    # The other tests of this folder are impatient, which on a busy machine this many messages don't survive.
    monkeypatch.setattr(servers, "PATIENCE", Patience())
    with receiving() as made:
        yield made


def test_the_updates_of_a_send_are_hot(workspace: Workspace, receiver: Receiver) -> None:
    mailbox = make.make_mailbox(workspace, port=receiver.port)
    contacts = make.make_contacts(workspace, N)
    before = updates()
    make.queue(make.make_mailing(workspace), mailbox, contacts)
    while services.dispatch_due(seconds=30):
        pass
    facts.deliver()
    assert Message.objects.filter(state=MessageState.ACCEPTED).count() == N
    assert not Contact.objects.filter(last_sent_at=None).exists()
    after = updates()
    for table in TABLES:
        updated, hot = (now - then for now, then in zip(after[table], before[table], strict=True))
        assert updated > 0
        assert hot / updated > 0.95, table
