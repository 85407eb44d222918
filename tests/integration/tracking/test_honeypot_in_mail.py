"""The link in each mail that nobody sees: whoever follows it is a machine, and no report shows it."""

import re
from datetime import timedelta

import pytest

from core import clock, redis
from delivery import selectors
from delivery import services as delivery
from delivery.models import Counter, Link, Mailbox, Message
from delivery.tokens import read_link_token
from team.models import Workspace
from tests.factories import delivery as make
from tests.factories.tracking import make_hit
from tests.plugins.mail import SmtpSink
from tracking import chunks, services
from tracking.hits import encode
from tracking.models import Event, Verdict

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("empty_event_store")]
HIDDEN = re.compile(r'<a href="http[^"]*/l/([\w-]+)" aria-hidden="true" tabindex="-1" style="display:none[^"]*"></a>')


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    return make.make_workspace()


@pytest.fixture
def mailbox(workspace: Workspace, smtp_sink: SmtpSink) -> Mailbox:
    return make.make_mailbox(workspace, port=smtp_sink.port)


def test_who_follows_it_is_a_machine_with_all_else_of_that_moment(
    workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    mailing = make.make_mailing(workspace)
    make.queue(mailing, mailbox, make.make_contacts(workspace, 1))
    delivery.dispatch_due()
    message = Message.objects.get()
    (token,) = HIDDEN.findall(smtp_sink.messages[0].text("html"))
    claim = read_link_token(token)
    trap = Link.objects.get(pk=claim.link_id)
    assert (claim.message_id, trap.label) == (message.pk, delivery.HONEYPOT_LABEL)

    shown = {total.url for total in selectors.link_totals([mailing.pk])}
    assert shown == set(selectors.links_of([mailing.pk]).values_list("url", flat=True))
    assert trap.url not in shown

    now = clock.now()
    real = selectors.links_of([mailing.pk]).first()
    hits = [make_hit(message, now, link=real), make_hit(message, now + timedelta(seconds=5), link=trap)]
    redis.client().rpush(chunks.HITS_KEY, *[encode(hit) for hit in hits])
    services.drain()
    assert {Verdict(verdict) for verdict in Event.objects.values_list("verdict", flat=True)} == {Verdict.MACHINE}
    assert sum(Counter.objects.values_list("clicks_human", flat=True)) == 0


def test_mail_without_tracked_links_carries_none(workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink) -> None:
    plain = make.make_mailing(workspace)
    type(plain).objects.filter(pk=plain.pk).update(track_clicks=False)
    make.queue(plain, mailbox, make.make_contacts(workspace, 1))
    delivery.dispatch_due()
    assert not HIDDEN.search(smtp_sink.messages[0].text("html"))
