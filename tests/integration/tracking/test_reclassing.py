"""A hit that was a person's until later hits showed a machine: everything it had added is taken back."""

from datetime import timedelta

import pytest

from core.models import Fact
from delivery.models import Counter, LinkCounter
from delivery.selectors import HONEYPOT_LABEL
from tests.factories.tracking import SENT_AT, make_hit, make_link, make_sent
from tracking import services
from tracking.models import Event, Verdict

pytestmark = pytest.mark.django_db


def at(seconds: float):
    return SENT_AT + timedelta(seconds=seconds)


def test_a_burst_takes_back_what_its_first_hits_had_counted():
    sent = make_sent(links=3)
    message = sent.messages[0]
    services.record_hits([make_hit(message, at(9.5)), make_hit(message, at(10), link=sent.links[0])])
    message.refresh_from_db()
    assert (message.opened_at, message.clicked_at) == (at(9.5), at(10))
    assert LinkCounter.objects.get(link=sent.links[0]).clicked_human == 1

    services.record_hits([make_hit(message, at(10 + n / 2), link=sent.links[n]) for n in (1, 2)])

    message.refresh_from_db()
    assert (message.opened_at, message.opened_any_at) == (None, at(9.5))
    assert (message.clicked_at, message.clicked_any_at) == (None, at(10))
    assert set(Event.objects.values_list("verdict", "reason")) == {(Verdict.MACHINE, "burst")}
    counter = Counter.objects.get(mailing=sent.mailing)
    assert (counter.opens_human, counter.opens_all, counter.opened_human, counter.opened_any) == (0, 1, 0, 1)
    assert (counter.clicks_human, counter.clicks_all, counter.clicked_human, counter.clicked_any) == (0, 3, 0, 1)
    links = LinkCounter.objects.filter(link__in=sent.links)
    assert {(link.clicks_human, link.clicks_all, link.clicked_human, link.clicked_any) for link in links} == {
        (0, 1, 0, 1)
    }
    sent.contacts[0].refresh_from_db()
    assert (sent.contacts[0].last_opened_at, sent.contacts[0].last_clicked_at) == (None, None)


def test_a_person_who_comes_later_is_the_first_once_the_scanner_is_known():
    sent = make_sent(links=3)
    message = sent.messages[0]
    services.record_hits([make_hit(message, at(1), link=sent.links[0]), make_hit(message, at(600), link=sent.links[0])])
    services.record_hits([make_hit(message, at(1.1 + n / 10), link=sent.links[n]) for n in (1, 2)])
    message.refresh_from_db()
    assert (message.clicked_at, message.clicked_any_at) == (at(600), at(1))
    assert LinkCounter.objects.get(link=sent.links[0]).clicked_human == 1
    sent.contacts[0].refresh_from_db()
    assert sent.contacts[0].last_clicked_at == at(600)


def test_a_honeypot_hit_reclasses_the_whole_burst_around_it():
    sent = make_sent(links=5)
    trap = make_link(sent.mailing, "https://example.com/trap", label=HONEYPOT_LABEL)
    message = sent.messages[0]
    services.record_hits(
        [
            make_hit(message, at(5)),
            make_hit(message, at(8), link=sent.links[0]),
            make_hit(message, at(120), link=sent.links[1]),
        ]
    )
    services.record_hits([make_hit(message, at(11), link=trap)])
    reasons = dict(Event.objects.values_list("occurred_at", "reason"))
    assert reasons == {at(5): "honeypot_burst", at(8): "honeypot_burst", at(11): "honeypot", at(120): "person"}
    message.refresh_from_db()
    assert (message.opened_at, message.clicked_at) == (None, at(120))


def test_the_fact_names_what_was_reclassed():
    sent = make_sent(links=2)
    message = sent.messages[0]
    first = make_hit(message, at(1), link=sent.links[0])
    second = make_hit(message, at(2), link=sent.links[1])
    services.record_hits([first])
    services.record_hits([second])
    before, after = Fact.objects.filter(kind="tracking.HitsRecorded").order_by("id")
    assert before.payload == {
        "workspace_id": sent.workspace.pk, "event_ids": [first.id], "reclassed_ids": [], "message_ids": [message.pk],
    }  # fmt: skip
    assert after.payload == {
        "workspace_id": sent.workspace.pk, "event_ids": [second.id], "reclassed_ids": [first.id], "message_ids": [message.pk],
    }  # fmt: skip


def test_mail_with_one_link_knows_no_burst():
    sent = make_sent(links=1)
    services.record_hits([make_hit(sent.messages[0], at(n / 10), link=sent.links[0]) for n in range(5)])
    assert set(Event.objects.values_list("reason", flat=True)) == {"person"}


def test_mail_with_many_links_is_not_scanned_by_following_two():
    sent = make_sent(links=4)
    services.record_hits([make_hit(sent.messages[0], at(n / 10), link=sent.links[n]) for n in range(2)])
    assert set(Event.objects.values_list("reason", flat=True)) == {"person"}


def test_personalised_urls_of_one_label_are_one_link():
    sent = make_sent(links=0)
    sent.links = [
        make_link(sent.mailing, f"https://example.com/?p={n}", label="https://example.com/?p={{ email }}")
        for n in range(9)
    ]
    sent.links.append(make_link(sent.mailing, "https://example.com/other"))
    first, other = sent.links[0], sent.links[-1]
    services.record_hits([make_hit(sent.messages[0], at(0), link=first), make_hit(sent.messages[0], at(1), link=other)])
    assert set(Event.objects.values_list("reason", flat=True)) == {"burst"}
