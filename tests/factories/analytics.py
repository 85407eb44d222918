"""A campaign that was really sent, and really read: the ledger, a server, the event store."""

from dataclasses import dataclass
from datetime import timedelta

from campaigns import services as campaigns
from campaigns.models import Campaign
from core import facts
from delivery import services as delivery
from delivery.models import Link, Message
from sequences import services as sequences
from team.models import Membership, Workspace
from tests.factories.campaigns import make_campaign, make_template
from tests.factories.sequences import make_mailbox
from tests.factories.team import MembershipFactory
from tests.factories.tracking import APPLE_MPP, CHROME
from tests.plugins.mail import SmtpSink
from tracking import services as tracking
from tracking.hits import Hit, micros, new_id

SOURCE = """<p>Hello {{ firstName }}</p><a href="https://example.com/a">A</a> <a href="https://example.com/b">B</a>
<p>{{ workspace.address }} <a href="{{ unsubscribeUrl }}">Unsubscribe</a></p>"""


@dataclass(slots=True)
class SentCampaign:
    """A campaign whose ten messages are out, one of which was refused for good."""

    campaign: Campaign
    workspace: Workspace
    member: Membership
    messages: list[Message]

    def hit(self, message: Message, *, link: str = "", user_agent: str = CHROME, minutes: float = 30) -> None:
        """Open (or click `link` in) a message, so many minutes after it was accepted."""
        assert message.accepted_at is not None
        at = micros(message.accepted_at + timedelta(minutes=minutes))
        link_id = Link.objects.get(mailing_id=message.mailing_id, url=link).pk if link else 0
        tracking.record_hits([Hit(new_id(at), at, message.pk, link_id, 0, "192.0.2.1", user_agent)])


def make_sent_campaign(sink: SmtpSink) -> SentCampaign:
    """Launch a campaign to ten contacts and let it go all the way to `sink`; the last address is refused for good."""
    member = MembershipFactory()
    workspace = member.workspace
    mailbox = make_mailbox(workspace, host=sink.host, port=sink.port)
    template = make_template(workspace, source=SOURCE)
    campaign = make_campaign(workspace, contacts=10, mailbox=mailbox, template=template)
    refused = campaign.lists.get().contacts.order_by("pk").last()
    assert refused is not None
    sink.rcpt_replies[refused.email] = "550 5.1.1 No such user"
    campaigns.run_check(campaigns.start_check(campaign).pk)
    campaigns.launch_campaign(campaign, accept_warnings=True)
    campaigns.run_launch(campaign.pk)
    while sequences.advance_due() + delivery.dispatch_due() + facts.deliver():
        pass
    campaigns.complete_finished_campaigns()
    campaign.refresh_from_db()
    messages = list(Message.objects.filter(workspace=workspace).order_by("pk"))
    return SentCampaign(campaign, workspace, member, messages)


def have_it_read(sent: SentCampaign) -> None:
    """Two people open, one of them clicks; a privacy proxy opens a third."""
    sent.hit(sent.messages[0])
    sent.hit(sent.messages[0], link="https://example.com/a", minutes=31)
    sent.hit(sent.messages[1], minutes=45)
    sent.hit(sent.messages[2], user_agent=APPLE_MPP, minutes=1)
