"""A receiving domain that says "too much" is written to more slowly; the others get their mail as before."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.models import Contact
from core import clock
from delivery import selectors, services
from delivery.models import Batch, DomainPace, Mailbox, Message
from delivery.pacing import throttles
from team.models import Workspace
from tests.factories import delivery as make
from tests.plugins.mail import SmtpSink

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def people_at(workspace: Workspace, domain: str, count: int) -> list[int]:
    contacts = Contact.objects.bulk_create(
        Contact(workspace=workspace, email=f"p{n}@{domain}", email_key=f"p{n}@{domain}") for n in range(count)
    )
    return [contact.pk for contact in contacts]


@pytest.mark.parametrize("reply", ["421 4.7.0 Too fast", "450 4.7.28 Rate limited", "451 4.7.28 Unusual rate"])
def test_one_domain_slows_down_and_the_others_go_on(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink, reply: str
) -> None:
    slow, fast = people_at(workspace, "slow.example", 20), people_at(workspace, "fast.example", 20)
    smtp_sink.rcpt_replies = {"p0@slow.example": reply}
    with clock.simulated(NOON):
        make.queue(make.make_mailing(workspace), mailbox, slow[:10])
        services.dispatch_due()
        pace = DomainPace.objects.get()
        assert (pace.domain, pace.per_minute) == ("slow.example", 20)
        assert pace.last_reply == reply
        before = len(smtp_sink.messages)
        messages = make.queue(make.make_mailing(workspace), mailbox, slow[10:] + fast)
        services.dispatch_due()
        arrived = [mail.rcpt_to[0].partition("@")[2] for mail in smtp_sink.messages[before:]]
        assert arrived == ["fast.example"] * 20
        (held,) = Batch.objects.filter(reason="domain_throttle")
        assert NOON < held.due_at <= NOON + timedelta(seconds=30)
        answer = selectors.why(Message.objects.get(pk=messages[0]))
        assert answer.code == "domain_throttle"
    with clock.simulated(NOON + timedelta(seconds=30)):
        services.dispatch_due()
        arrived = [mail.rcpt_to[0].partition("@")[2] for mail in smtp_sink.messages[before + 20 :]]
        assert 1 <= len(arrived) <= 10
        assert set(arrived) == {"slow.example"}
    for minute in range(1, 5):
        with clock.simulated(NOON + timedelta(minutes=minute)):
            services.dispatch_due()
    assert len(smtp_sink.messages) == before + 30


def test_it_is_halved_once_a_minute_recovers_slowly_and_is_forgotten_after_a_day(
    workspace: Workspace, mailbox: Mailbox
) -> None:
    said = {"slow.example": throttles.Throttle("421 Too fast", 500)}
    throttles.slow_down(mailbox.pk, said, now=NOON)
    throttles.slow_down(mailbox.pk, said, now=NOON + timedelta(seconds=30))
    assert DomainPace.objects.get().per_minute == 60
    throttles.slow_down(mailbox.pk, said, now=NOON + timedelta(minutes=2))
    pace = DomainPace.objects.get()
    assert pace.per_minute == 30
    later = pace.changed_at + timedelta(hours=1)
    assert throttles.pace_at(pace.per_minute, pace.changed_at, later) == pytest.approx(30 * 1.1**6)
    tomorrow = pace.changed_at + timedelta(days=1)
    assert not throttles.has_slow_domains(mailbox.pk, now=tomorrow)
    assert throttles.shares(mailbox.pk, {"slow.example": 5}, now=tomorrow) == {}
    assert not DomainPace.objects.exists()


@given(
    per_minute=st.floats(1, 600),
    asks=st.lists(st.tuples(st.integers(0, 120), st.integers(1, 500)), min_size=1, max_size=40),
)
def test_a_slow_domain_never_gets_more_than_its_pace_and_a_group(
    per_minute: float, asks: list[tuple[int, int]]
) -> None:
    now = next_at = NOON
    sent = 0
    for pause, wanted in asks:
        now += timedelta(seconds=pause)
        share, next_at = throttles.take(per_minute, next_at, wanted, now)
        sent += share.allowed
        assert 0 <= share.allowed <= wanted
        assert share.again_at > now
    minutes = (now - NOON).total_seconds() / 60
    assert sent <= per_minute * minutes + 2
