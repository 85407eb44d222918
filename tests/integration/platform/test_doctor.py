"""`manage.py doctor`: what is well, what is not, and an exit status."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from io import StringIO

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from redis import Redis

from config import heartbeats
from config.embedded.folders import remove_folders
from config.embedded.layout import layout_for
from config.embedded.valkey import ValkeyServer, start_valkey
from core import clock, redis
from delivery.models import Mailbox, SendingDomain
from delivery.services import activate_dkim_key, create_dkim_keys, pause_mailbox
from tests.factories.delivery import make_mailbox, make_workspace
from tests.plugins.dns import NameServer
from tests.plugins.mail import SmtpSink, free_port


def doctor() -> str:
    output = StringIO()
    try:
        call_command("doctor", stdout=output, no_color=True)
    except CommandError as error:
        return output.getvalue() + str(error)
    return output.getvalue()


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server as production has it, whose settings can be changed without other tests noticing."""
    folder = tmp_path_factory.mktemp("doctor")
    layout = layout_for(folder)
    yield start_valkey(folder).url
    ValkeyServer(layout).discard()
    remove_folders(layout)


@pytest.fixture(autouse=True)
def own_redis(valkey: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    with closing(Redis.from_url(valkey)) as client:
        client.flushdb()
        monkeypatch.setattr(redis, "client", lambda: client)
        yield client
        monkeypatch.undo()


@pytest.mark.django_db
def test_all_is_well_with_a_worker_and_beat() -> None:
    heartbeats.record_worker("mail@here")
    heartbeats.record_beat()
    report = doctor()
    assert "FAULT" not in report
    assert "ok     Workers   mail@here" in report
    assert "PostgreSQL 18" in report


@pytest.mark.django_db
def test_a_missing_worker_and_a_silent_beat_are_faults() -> None:
    report = doctor()
    assert "FAULT  Workers   No worker has shown a sign of life for 15 seconds." in report
    assert "FAULT  Beat      No task of beat has ever been run" in report
    assert report.endswith("2 of 6 checks found a fault.")


@pytest.mark.django_db
def test_a_beat_that_stands_still_is_a_fault() -> None:
    heartbeats.record_beat()
    later = clock.now() + timedelta(minutes=5)
    with clock.simulated(later):
        heartbeats.record_worker("mail@here")
        assert "FAULT  Beat      Beat's last task was run 300 s ago" in doctor()


@pytest.mark.django_db
def test_a_redis_that_may_forget_is_a_fault(own_redis: Redis) -> None:
    own_redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert "FAULT  Redis     Its maxmemory-policy is allkeys-lru" in doctor()
    finally:
        own_redis.config_set("maxmemory-policy", "noeviction")


def _mailbox(port: int, name_server: NameServer) -> Mailbox:
    heartbeats.record_worker("mail@here")
    heartbeats.record_beat()
    name_server.put("acme.example", "TXT", "v=spf1 ip4:192.0.2.1 -all")
    name_server.put("_dmarc.acme.example", "TXT", "v=DMARC1; p=none")
    return make_mailbox(make_workspace(), port=port)


@pytest.mark.django_db
def test_a_mailbox_that_logs_in_and_a_domain_in_order_are_well(smtp_sink: SmtpSink, name_server: NameServer) -> None:
    mailbox = _mailbox(smtp_sink.port, name_server)
    report = doctor()
    assert "FAULT" not in report
    assert "ok     Mailbox   ada@acme.example: It works" in report
    assert "ok     SPF       acme.example: It is in order" in report
    assert "ok     DMARC     acme.example: The policy is p=none" in report
    pause_mailbox(mailbox.pk, reason="Holidays.")
    assert "ok     Mailbox   ada@acme.example is paused: Holidays." in doctor()


@pytest.mark.django_db
def test_a_server_that_is_away_and_records_that_are_missing_are_faults(name_server: NameServer) -> None:
    _mailbox(free_port(), name_server)
    key = activate_dkim_key(create_dkim_keys(SendingDomain.objects.get())[0])
    name_server.put("acme.example", "TXT")
    name_server.put("_dmarc.acme.example", "TXT")
    report = doctor()
    assert "FAULT  Mailbox   ada@acme.example: " in report
    assert "FAULT  SPF       acme.example has no SPF record" in report.replace("acme.example: acme", "acme")
    assert f"FAULT  DKIM      acme.example: Receivers can't verify the signature. {key}" in report
    assert "FAULT  DMARC" in report
    assert "\n4 of " in report


@pytest.mark.django_db
def test_where_all_mail_goes_to_the_sandbox_mailboxes_are_not_asked(
    name_server: NameServer, settings: LazySettings
) -> None:
    _mailbox(free_port(), name_server)
    settings.EMAIL_SANDBOX = ("127.0.0.1", 2525)
    report = doctor()
    assert "ok     Mailboxes not checked, as all mail goes to the sandbox at 127.0.0.1:2525" in report
    assert "FAULT" not in report
