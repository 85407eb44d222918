"""`manage.py recount`: what the facts say is what the report shows."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from contacts.models import TrackingMode
from delivery.models import Counter, LinkCounter, Message, MessageState
from tests.factories.tracking import SENT_AT, Sent, make_hit, make_sent
from tracking import services
from tracking.models import Event
from tracking.partitions import month_of

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("recount", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def sent() -> Sent:
    """Ten messages with all sorts of hits, some of them by machines, counted as they came in."""
    sent = make_sent(recipients=10)
    make_sent(workspace=sent.workspace, recipients=2, mode=TrackingMode.AGGREGATE, prefix="private")
    Counter.objects.bulk_create(
        Counter(mailing_id=mailing_id, hour=SENT_AT, queued=count, accepted=count)
        for mailing_id, count in ((sent.mailing.pk, 10), (sent.mailing.pk + 1, 2))
    )
    hits = []
    for number, message in enumerate(Message.objects.order_by("pk")):
        at = SENT_AT + timedelta(minutes=17 * number)
        hits += [make_hit(message, at), make_hit(message, at + timedelta(seconds=90))]
        for link in sent.links[: number % 4]:
            hits.append(make_hit(message, at + timedelta(seconds=number % 3), link=link))
    services.record_hits(hits[::2])
    services.record_hits(hits[1::2])
    return sent


def test_what_was_counted_as_it_came_agrees_with_the_facts(sent: Sent):
    assert run("--check") == "Everything agrees with the facts.\n"


def test_the_check_tells_every_difference_and_changes_nothing(sent: Sent):
    message = sent.messages[0]
    Message.objects.filter(pk=message.pk).update(opened_at=None)
    Counter.objects.filter(mailing=sent.mailing, hour=SENT_AT).update(clicks_all=99, failed=3)
    LinkCounter.objects.filter(link=sent.links[0]).update(clicked_any=77)
    out = StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("recount", "--check", stdout=out)
    assert stopped.value.code == 1
    told = out.getvalue()
    assert f"message {message.pk}: opened_at is None, the events say 2026-03-02 09:00:00+00:00" in told
    assert f"mailing {sent.mailing.pk}, hour 2026-03-02 09: clicks_all is 99" in told
    assert f"link {sent.links[0].pk}: clicked_any is 77" in told
    assert "failed is" in told
    assert Counter.objects.get(mailing=sent.mailing, hour=SENT_AT).clicks_all == 99


def test_a_recount_restores_what_was_counted(sent: Sent):
    names = [field.attname for field in Counter._meta.fields if field.attname != "id"]
    counters = set(Counter.objects.filter(mailing=sent.mailing).values_list(*names))
    links = set(
        LinkCounter.objects.values_list("link_id", "clicks_human", "clicks_all", "clicked_human", "clicked_any")
    )
    firsts = set(Message.objects.values_list("pk", "opened_at", "opened_any_at", "clicked_at", "clicked_any_at"))
    Message.objects.update(opened_at=SENT_AT, clicked_at=None, opened_any_at=None)
    Counter.objects.update(opens_human=0, clicks_all=5, opened_any=1, accepted=4)
    LinkCounter.objects.update(clicks_all=0, clicked_human=9)
    assert "differed and are right now" in run()
    assert run("--check") == "Everything agrees with the facts.\n"
    assert (
        set(Message.objects.values_list("pk", "opened_at", "opened_any_at", "clicked_at", "clicked_any_at")) == firsts
    )
    assert counters <= set(Counter.objects.filter(mailing=sent.mailing).values_list(*names))
    assert (
        set(LinkCounter.objects.values_list("link_id", "clicks_human", "clicks_all", "clicked_human", "clicked_any"))
        == links
    )


def test_counters_that_are_missing_are_made(sent: Sent):
    Counter.objects.all().delete()
    LinkCounter.objects.all().delete()
    run()
    assert run("--check") == "Everything agrees with the facts.\n"


def test_states_are_compared_over_all_hours(sent: Sent):
    Message.objects.filter(pk=sent.messages[0].pk).update(state=MessageState.UNKNOWN)
    assert "unknown" in run()
    assert run("--check") == "Everything agrees with the facts.\n"


def test_events_that_retention_dropped_are_not_missed(sent: Sent, monkeypatch):
    Event.objects.all().delete()
    monkeypatch.setattr("tracking.recount.existing_months", lambda: [month_of(SENT_AT + timedelta(days=60))])
    Message.objects.filter(pk=sent.messages[1].pk).update(unsubscribed_at=SENT_AT)
    told = run()
    assert "unsubscribed is 0, the facts say 1" in told
    assert "2 mailings keep their numbers" in told
    assert Counter.objects.filter(mailing=sent.mailing, opens_all__gt=0).exists()
