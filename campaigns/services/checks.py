"""The pre-flight check: starts, runs in chunks from wherever the last worker stopped, and is asked for before a launch."""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from campaigns import selectors
from campaigns.audience import reach_of, size_of, stream
from campaigns.callers import latest_events
from campaigns.checking.emails import SAMPLE, Email, compile_emails, inspect_recipient, shared_context
from campaigns.checking.findings import Findings
from campaigns.checking.settings import check_settings
from campaigns.checking.tests import check_tests
from campaigns.exceptions import CampaignError, NotReadyError
from campaigns.models import Campaign, Check, Status
from campaigns.services import waking
from contacts.exceptions import InvalidSegment
from contacts.selectors import CONTEXT_COLUMNS, liquid_context
from core import clock
from tracking.selectors import event_contexts

logger = logging.getLogger(__name__)

CHUNK = 500
# Progress is written about this often, in seconds.
SAVE_SECONDS = 0.5
# A launch checks by itself when the audience is at most this large, as that takes no longer than a page.
CHECKED_AT_LAUNCH = 1_000
# Contacts change; an older check has to be run again.
VALID_FOR = timedelta(days=1)
KEPT = 20


@transaction.atomic
def start_check(campaign: Campaign) -> Check:
    """Start a check of the draft in the background, or return the one of this version that is running.

    Raises CampaignError unless it is a draft or scheduled.
    """
    locked = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if locked.status not in (Status.DRAFT, Status.SCHEDULED):
        raise CampaignError(f"This campaign is {locked.get_status_display().lower()}; there is nothing left to check.")
    running = locked.checks.filter(campaign_version=locked.version, status=Check.Status.RUNNING).first()
    if running is not None:
        return running
    check = _create(locked)
    waking.wake_check(check.pk)
    return check


def check_campaign(campaign: Campaign) -> Check:
    """Check the draft on the spot when its audience is small, else start the check in the background.

    Raises CampaignError unless it is a draft or scheduled.
    """
    check = start_check(campaign)
    if check.status == Check.Status.RUNNING and _is_small(campaign):
        run_check(check.pk)
        check.refresh_from_db()
    return check


def run_check(check_id: int) -> None:
    """Run a check, or go on with one; safe to run twice: each chunk is claimed by its position."""
    check = Check.objects.select_related("campaign__workspace", "campaign__sequence").get(pk=check_id)
    if check.status != Check.Status.RUNNING:
        return
    try:
        _run(check)
    except Exception as error:
        logger.exception("Check %s failed.", check_id)
        message = getattr(error, "message", "") or f"The check broke off: {type(error).__name__}."
        Check.objects.filter(pk=check_id, status=Check.Status.RUNNING).update(
            status=Check.Status.FAILED, error=message, finished_at=clock.now()
        )
        raise


def require_checked(campaign: Campaign, *, accept_warnings: bool) -> Check:
    """Return the check that lets the campaign go.

    A small audience is checked on the spot when there is no check of this version.  Raises NotReadyError: check_required,
    check_failed, or warnings_unconfirmed unless `accept_warnings`.
    """
    check = _valid_check(campaign) or _check_now(campaign)
    if check is None:
        raise NotReadyError(
            "Run the check first; it renders the email for every recipient.",
            code="check_required",
        )
    errors = [finding["message"] for finding in check.findings if finding["level"] == "error"]
    if errors:
        raise NotReadyError(_listed("The check found errors", errors), code="check_failed", fields={"findings": errors})
    warnings = [finding["message"] for finding in check.findings if finding["level"] == "warning"]
    if warnings and not accept_warnings:
        raise NotReadyError(
            _listed("The check found warnings that must be confirmed", warnings),
            code="warnings_unconfirmed",
            fields={"findings": warnings},
        )
    return check


def _listed(start: str, messages: list[str]) -> str:
    more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
    return f"{start}: {messages[0]}{more}"


def _create(campaign: Campaign) -> Check:
    now = clock.now()
    check = Check.objects.create(
        campaign=campaign, campaign_version=campaign.version, started_at=now, progressed_at=now
    )
    old = campaign.checks.order_by("-id").values_list("pk", flat=True)[KEPT:]
    Check.objects.filter(pk__in=list(old)).exclude(status=Check.Status.RUNNING).delete()
    return check


def _valid_check(campaign: Campaign) -> Check | None:
    found = campaign.checks.filter(
        campaign_version=campaign.version,
        status=Check.Status.COMPLETED,
        finished_at__gt=clock.now() - VALID_FOR,
    )
    return found.order_by("-id").first()


def _check_now(campaign: Campaign) -> Check | None:
    if not _is_small(campaign):
        return None
    check = _create(campaign)
    run_check(check.pk)
    check.refresh_from_db()
    return check


def _is_small(campaign: Campaign) -> bool:
    try:
        return size_of(campaign).total <= CHECKED_AT_LAUNCH
    except InvalidSegment:  # nobody can be rendered, so the check is quick
        return True


def _run(check: Check) -> None:
    campaign = check.campaign
    resumed = check.position > 0
    findings = Findings.load(check.findings) if resumed else Findings()
    scratch = Findings()
    steps = selectors.emails_of(campaign)
    emails = compile_emails(campaign, steps, scratch if resumed else findings)
    if not steps:
        findings.add("no_email", "error", "Add an email.")
    if not resumed:
        size = check_settings(campaign, findings)
        check_tests(campaign, size.recipients, findings)
        check.recipients, check.suppressed = size.recipients, size.suppressed
        check.save(update_fields=["recipients", "suppressed"])
    if emails and not _render_all(check, campaign, emails, findings):
        return
    if check.rendered and findings.count_of("render_error") >= check.rendered:
        findings.raise_level("render_error", "error")
    Check.objects.filter(pk=check.pk, position=check.position, status=Check.Status.RUNNING).update(
        status=Check.Status.COMPLETED,
        findings=findings.dump(),
        rendered=check.rendered,
        finished_at=clock.now(),
    )


def _render_all(check: Check, campaign: Campaign, emails: Sequence[Email], findings: Findings) -> bool:
    """Render every email for every recipient; False when another worker has taken over."""
    mailboxes = selectors.mailboxes_of(campaign)
    shared = shared_context(campaign, mailboxes[0] if mailboxes else None)
    try:
        # Of a triggered campaign nobody knows who comes: the latest are a sample.
        chunks = stream(reach_of(campaign), after=check.position, size=CHUNK)
        saved = time.monotonic()
        position = check.position
        for contact_ids in chunks:
            events = _events(campaign, contact_ids)
            for contact_id, row in _rows(contact_ids):
                context = {**liquid_context(row), **shared, **events.get(contact_id, {})}
                for email in emails:
                    inspect_recipient(email, contact_id, context, findings, thorough=check.rendered < SAMPLE)
                check.rendered += 1
            position = contact_ids[-1]
            if time.monotonic() - saved > SAVE_SECONDS:
                saved = time.monotonic()
                if not _save_progress(check, position, findings):
                    return False
        return _save_progress(check, position, findings)
    except InvalidSegment:  # noted already with the audience
        return True


def _save_progress(check: Check, position: int, findings: Findings) -> bool:
    saved = Check.objects.filter(pk=check.pk, position=check.position, status=Check.Status.RUNNING).update(
        position=position, rendered=check.rendered, findings=findings.dump(), progressed_at=clock.now()
    )
    check.position = position
    return bool(saved)


def _events(campaign: Campaign, contact_ids: list[int]) -> dict[int, dict[str, Any]]:
    """Return `event` for those of a triggered campaign's sample whom an event called."""
    trigger = selectors.trigger_of(campaign)
    found = latest_events(trigger, contact_ids) if trigger else {}
    contexts = event_contexts(found.values())
    return {contact_id: {"event": contexts[event_id]} for contact_id, event_id in found.items()}


def _rows(contact_ids: Sequence[int]) -> list[tuple[int, dict[str, Any]]]:
    """Return the contacts' rows as `liquid_context` wants them; who was deleted meanwhile is left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.id, {CONTEXT_COLUMNS} FROM contacts_contact c WHERE c.id = ANY (%s) ORDER BY c.id",  # noqa: S608 - a constant
            [list(contact_ids)],
        )
        columns = [column.name for column in cursor.description or ()][1:]
        return [(row[0], dict(zip(columns, row[1:], strict=True))) for row in cursor.fetchall()]
