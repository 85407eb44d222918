"""Segment conditions on a campaign: who got it, opened it, clicked in it, is on the way in it or has finished it.

The messages of a campaign are found by `message_mailing`, those of a contact by `message_contact`; EXISTS leaves it to the planner
to make one hash of the campaign's or a look-up a contact. Opens and clicks are those of people, counted at the first of each
message. Who is on the way is known by the index of open enrolments. Whose enrolment was put away (one-step campaigns) has finished
all the same: finished means that the last email was made out to them, which the ledger keeps for good.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.formats import date_format

from campaigns import selectors
from campaigns.models import Campaign
from contacts.selectors import Moment, Operator, Option, Sql, Subject, ValueKind
from delivery.models import MessageState
from sequences import selectors as sequences
from sequences.models import OPEN_STATES

CAMPAIGN = "campaign"
GROUP = "Campaigns"

_MESSAGE = (
    "EXISTS (SELECT 1 FROM delivery_message m WHERE m.contact_id = c.id AND m.mailing_id = ANY (%s) AND NOT m.is_test"
    " AND {})"
)
_ON_THE_WAY = "EXISTS (SELECT 1 FROM sequences_enrolment e WHERE e.contact_id = c.id AND e.sequence_id = %s AND e.state = ANY (%s))"

Within = dict[str, Any]
Question = Callable[[Campaign, datetime | None], Sql]


def campaign_subject(workspace_id: int) -> Subject:
    """Return the subject "campaign": the launched ones, the newest first, none of which can be deleted."""
    launched = Campaign.objects.filter(workspace=workspace_id, launched_at__isnull=False).order_by(
        "-launched_at", "-pk"
    )
    options = tuple(
        Option(pk, f"{name} ({date_format(at, 'j M Y')})")
        for pk, name, at in launched.values_list("pk", "name", "launched_at")
        if at is not None
    )

    def of(campaign_id: int) -> Campaign:
        return Campaign.objects.select_related("sequence").get(workspace=workspace_id, pk=campaign_id)

    def within(question: Question) -> Callable[[Within, Moment], Sql]:
        return lambda value, moment: question(of(value["option"]), _since(value, moment))

    def plain(question: Callable[[Campaign], Sql]) -> Callable[[int, Moment], Sql]:
        return lambda value, _moment: question(of(value))

    kind = ValueKind.ONE_WITHIN
    operators = (
        Operator("sent", "was sent", kind, within(_sent)),
        Operator("not_sent", "was not sent", kind, within(lambda *asked: _sent(*asked).negated())),
        Operator("opened", "was opened", kind, within(_opened)),
        Operator("not_opened", "was sent, not opened", kind, within(_not_opened)),
        Operator("clicked", "was clicked", kind, within(_clicked)),
        Operator("not_clicked", "was sent, not clicked", kind, within(_not_clicked)),
        Operator("on_the_way", "is on the way", ValueKind.ONE, plain(_on_the_way)),
        Operator("finished", "is finished", ValueKind.ONE, plain(_finished)),
    )
    return Subject(CAMPAIGN, "Campaign", GROUP, operators, options)


def _since(value: Within, moment: Moment) -> datetime | None:
    if "days" not in value:
        return None
    try:
        return moment.now - timedelta(days=value["days"])
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _happened(campaign: Campaign, column: str, since: datetime | None) -> Sql:
    """Whether a message of the campaign to the contact has this moment (since then); `column` is one of ours."""
    ids = selectors.mailing_ids(campaign)
    if since is None:
        return Sql(_MESSAGE.format(f"m.{column} IS NOT NULL"), (ids,))
    return Sql(_MESSAGE.format(f"m.{column} >= %s"), (ids, since))


def _sent(campaign: Campaign, since: datetime | None) -> Sql:
    return _happened(campaign, "accepted_at", since)


def _opened(campaign: Campaign, since: datetime | None) -> Sql:
    return _happened(campaign, "opened_at", since)


def _clicked(campaign: Campaign, since: datetime | None) -> Sql:
    return _happened(campaign, "clicked_at", since)


def _not_opened(campaign: Campaign, since: datetime | None) -> Sql:
    return _and(_sent(campaign, since), _opened(campaign, None).negated())


def _not_clicked(campaign: Campaign, since: datetime | None) -> Sql:
    return _and(_sent(campaign, since), _clicked(campaign, None).negated())


def _on_the_way(campaign: Campaign) -> Sql:
    return Sql(_ON_THE_WAY, (campaign.sequence_id, [state.value for state in OPEN_STATES]))


def _finished(campaign: Campaign) -> Sql:
    last = sequences.last_mailing_ids(campaign.sequence)
    made_out = Sql(_MESSAGE.format("m.state <> %s"), (last, MessageState.CANCELLED.value))
    return _and(made_out, _on_the_way(campaign).negated())


def _and(first: Sql, second: Sql) -> Sql:
    return Sql(f"({first.text}) AND ({second.text})", (*first.params, *second.params))
