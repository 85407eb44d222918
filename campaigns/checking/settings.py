"""Looks at the rest of a campaign: whom it goes to, from where, and when."""

from django.conf import settings

from campaigns.audience import Audience, Size, audience_of, measure, reach_of
from campaigns.checking.capacity import check_capacity
from campaigns.checking.findings import Findings
from campaigns.circles import circle_of
from campaigns.models import Campaign, Kind
from campaigns.selectors import mailboxes_of, trigger_of
from campaigns.triggers import missing_in
from contacts.exceptions import InvalidSegment
from contacts.selectors import segment_sql
from core import clock
from delivery import selectors as delivery
from delivery.models import Mailbox


def check_settings(campaign: Campaign, findings: Findings) -> Size:
    """Note what is wrong with the audience, the sender and the schedule; return the audience's size."""
    _check_sender(campaign, findings)
    _check_sending_domains(campaign, findings)
    _check_schedule(campaign, findings)
    if not campaign.workspace.postal_address.strip():
        message = (
            "The workspace has no postal address, which the law asks for in marketing mail. Add it in the settings."
        )
        findings.add("no_workspace_address", "warning", message, section="settings")
    if campaign.kind == Kind.TRIGGERED:
        return _check_trigger(campaign, findings)
    size = _check_audience(campaign, findings)
    check_capacity(campaign, size.recipients, findings)
    return size


def _check_trigger(campaign: Campaign, findings: Findings) -> Size:
    trigger = trigger_of(campaign)
    for sentence in missing_in(trigger) if trigger else ["This campaign has no trigger."]:
        findings.add("trigger_incomplete", "error", sentence, subject=sentence, section="trigger")
    if trigger and (circle := circle_of(campaign)):
        others = f" → {circle[0]}" if len(circle) == 1 else "".join(f" → {name}" for name in [*circle[1:], circle[0]])
        message = f"These campaigns start each other in a circle: {circle[0]}{others}. Choose another trigger or step."
        findings.add("circle", "error", message, section="trigger")
    try:
        if trigger and trigger.entry_filter:
            segment_sql(campaign.workspace_id, trigger.entry_filter)
        size = measure(reach_of(campaign))
    except InvalidSegment as error:
        findings.add("broken_segment", "error", f"A segment can't be used: {error.message}", section="trigger")
        return Size()
    _note_held_out(size, findings, section="trigger")
    if not size.total:
        message = "Nobody would have entered in the last 30 days, so the email could not be tried on anybody."
        findings.add("nobody_called", "info", message, section="trigger")
    return size


def _check_audience(campaign: Campaign, findings: Findings) -> Size:
    audience = audience_of(campaign)
    for lost in campaign.lost_audience:
        purpose = "was left out of" if lost["excluded"] else "got"
        message = (
            f"The {lost['kind']} “{lost['name']}”, which {purpose} this campaign, was deleted."
            " Choose the audience again, or go on without it."
        )
        findings.add("audience_deleted", "error", message, subject=f"{lost['kind']} {lost['name']}", section="audience")
    if not audience.is_chosen:
        findings.add("no_audience", "error", "Choose at least one list or segment.", section="audience")
        return Size()
    try:
        size = measure(audience)
        overlap = _overlap(audience)
    except InvalidSegment as error:
        findings.add("broken_segment", "error", f"A segment can't be used: {error.message}", section="audience")
        return Size()
    if not size.recipients:
        message = (
            "Everybody in the audience is suppressed or held out."
            if size.held_out
            else "Everybody in the audience is suppressed."
            if size.total
            else "Nobody is in the chosen lists and segments, or all are excluded."
        )
        findings.add("no_recipients", "error", message, section="audience")
    if size.suppressed:
        message = "Suppressed contacts (unsubscribed, bounced, complained) in the audience get nothing."
        findings.add("suppressed", "info", message, section="audience", count=size.suppressed)
    _note_held_out(size, findings, section="audience")
    if overlap:
        message = "Contacts that are in several of the chosen lists and segments get the campaign once."
        findings.add("duplicates", "info", message, section="audience", count=overlap)
    return size


def _note_held_out(size: Size, findings: Findings, *, section: str) -> None:
    if size.held_out:
        message = "Contacts that are held out get nothing, to see what the mail brings."
        findings.add("held_out", "info", message, section=section, count=size.held_out)


def _overlap(audience: Audience) -> int:
    """Count the contacts that are in more than one of the chosen lists and segments, each as often as it is in one more."""
    single = [Audience(audience.workspace_id, list_ids=(pk,)) for pk in audience.list_ids]
    single += [Audience(audience.workspace_id, segment_ids=(pk,)) for pk in audience.segment_ids]
    if len(single) < 2:
        return 0
    together = Audience(audience.workspace_id, audience.list_ids, audience.segment_ids)
    return sum(measure(one).total for one in single) - measure(together).total


def _check_sender(campaign: Campaign, findings: Findings) -> None:
    mailboxes = mailboxes_of(campaign)
    paused = [mailbox for mailbox in mailboxes if mailbox.status == Mailbox.Status.PAUSED]
    if not mailboxes:
        findings.add("no_mailbox", "error", "Choose the mailbox to send from.", section="sender")
    elif len(paused) == len(mailboxes):
        message = "All chosen mailboxes are paused; nothing would leave."
        findings.add("mailbox_paused", "error", message, section="sender", count=len(paused))
    else:
        for mailbox in paused:
            message = f"{mailbox.from_email} is paused; its part of the mail waits until it is resumed."
            findings.add("mailbox_paused", "warning", message, subject=mailbox.from_email, section="sender", count=1)


def _check_sending_domains(campaign: Campaign, findings: Findings) -> None:
    """Note what the last look at the DNS found wrong; where all mail goes to the sandbox, no receiver will ask."""
    if settings.EMAIL_SANDBOX:
        return
    for name, domain in sorted(delivery.domains_of(mailboxes_of(campaign)).items()):
        for item in delivery.checks_of(domain):
            if item.level is delivery.Level.FAULT:
                message = f"{item.title} of {name}: {item.found} Receivers may refuse the mail or put it into spam."
                findings.add("sending_domain", "warning", message, subject=f"{item.code} {name}", section="sender")


def _check_schedule(campaign: Campaign, findings: Findings) -> None:
    if campaign.send_at is not None and campaign.send_at <= clock.now():
        message = "The scheduled time is past. Choose a later one, or send at once."
        findings.add("schedule_past", "error", message, section="schedule")
