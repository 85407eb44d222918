"""A test run: every email of one way through a sequence goes to the team, minutes apart, by the ledger like any other mail."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex

from django.conf import settings
from django.db import transaction

from contacts.models import Contact
from core import clock
from core.exceptions import InvalidInput, NotFound
from delivery import selectors as delivery_reads
from delivery import services as delivery
from delivery.models import Mailbox, Message, MessageState
from sequences import models
from sequences.exceptions import StepError
from sequences.services import arms
from sequences.services.checking import content_of
from sequences.services.simulations import default_mailbox, shared_context
from sequences.simulation import Person, Story
from team.selectors import members_in
from templates_lib.rendering import TemplateError, compile_email

USUAL_GAP = timedelta(minutes=1)
LONGEST_GAP = timedelta(hours=24)
MOST_RECIPIENTS = 5
MOST_EMAILS = 50
WAITING = (MessageState.QUEUED, MessageState.DEFERRED)


@dataclass(frozen=True, slots=True)
class TestRun:
    """The messages of one run, in the order in which they leave."""

    __test__ = False  # its name is the domain's, not pytest's

    key: str
    messages: Sequence[Message]

    @property
    def waiting(self) -> int:
        """How many have still to leave."""
        return sum(message.state in WAITING for message in self.messages)

    @property
    def sent(self) -> int:
        """How many were accepted."""
        return sum(message.state == MessageState.ACCEPTED for message in self.messages)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will happen any more."""
        return not self.waiting

    @property
    def next_at(self) -> datetime | None:
        """When the next message is due."""
        return min((message.due_at for message in self.messages if message.state in WAITING), default=None)


@transaction.atomic
def start_test_run(
    *,
    sequence: models.Sequence,
    version: models.Version,
    story: Story,
    person: Person,
    to: Sequence[str],
    gap: timedelta = USUAL_GAP,
    mailbox: Mailbox | None = None,
) -> str:
    """Queue every email of a simulated way as a test, `gap` apart, to members of the team; return the key of the run.

    Of an email under test every version is sent, marked A, B, ….

    The emails are filled in for the person.  Raises InvalidInput for the addresses, the gap or without a mailbox, StepError for an
    email that can't be made, DeliveryError when the mailbox is paused.
    """
    addresses = _checked_recipients(sequence, to)
    if not timedelta(0) <= gap <= LONGEST_GAP:
        raise InvalidInput("The gap is too long.", fields={"gap": ["Give a gap of at most 24 hours."]})
    sender = mailbox or default_mailbox(sequence)
    if sender is None:
        raise InvalidInput("Choose a mailbox.", fields={"mailbox": ["Choose a mailbox to send from."]})
    steps = {step.key: step for step in version.steps.select_related("template_version", "experiment")}
    passed = [steps[stage.key] for stage in story.emails[:MOST_EMAILS]]
    emails = [each for step in passed for each in _versions(step)][:MOST_EMAILS]
    if not emails:
        raise StepError("There is no email on this way.", code="no_email")
    contact = Contact.objects.filter(workspace=sequence.workspace, pk=person.contact_id).first()
    context = {"campaign": shared_context(sequence, sender)["campaign"]}
    if contact is None:
        context |= person.merge_fields()
    run, now = token_hex(8), clock.now()
    for number, (mark, content) in enumerate(emails):
        from_name = content.pop("from_name", "")
        _require_sound(number, content)
        delivery.send_test(
            workspace=sequence.workspace,
            mailbox=sender,
            to=addresses,
            contact=contact,
            context=context,
            format=content["format"],
            subject=f"[Test {number + 1}/{len(emails)}{mark}] {content['subject']}",
            preheader=content["preheader"],
            source=content["source"],
            text_source=content["text_source"],
            from_name=from_name,
            due_at=now + number * gap,
            keys=[_message_key(sequence, run, number, place) for place, _ in enumerate(addresses)],
        )
    return run


def find_test_run(sequence: models.Sequence, run: str) -> TestRun:
    """Return a run of the sequence with its messages.  Raises NotFound."""
    messages = delivery_reads.messages_in(sequence.workspace).filter(key__in=list(_message_keys(sequence, run)))
    found = TestRun(run, list(messages.order_by("due_at", "pk")))
    if not found.messages:
        raise NotFound("There is no such test run.")
    return found


def stop_test_run(sequence: models.Sequence, run: str) -> int:
    """Cancel what of a run has not left yet; return how many messages.  Raises NotFound."""
    found = find_test_run(sequence, run)
    waiting = [message.pk for message in found.messages if message.state in WAITING]
    return delivery.cancel_messages(message_ids=waiting, reason="cancelled") if waiting else 0


def _versions(step: models.Step) -> list[tuple[str, dict[str, str]]]:
    """Return what an email sends, of one under test every version, each with what its subject is marked by."""
    content = content_of(step)
    return [(f", {arm.name}", said) for arm, said in arms.contents_of_arms(step, content)] or [("", content)]


def _checked_recipients(sequence: models.Sequence, to: Sequence[str]) -> list[str]:
    """Return the addresses, each once, as the members of the workspace have them."""
    members = {
        membership.user.email.lower(): membership.user.email
        for membership in members_in(sequence.workspace).select_related("user")
    }
    addresses = list(dict.fromkeys(address.strip().lower() for address in to if address.strip()))
    if not 1 <= len(addresses) <= MOST_RECIPIENTS:
        message = f"Give between one and {MOST_RECIPIENTS} addresses."
        raise InvalidInput(message, fields={"to": [message]})
    if strangers := [address for address in addresses if address not in members]:
        message = f"{strangers[0]} is no member of this workspace; a test run goes to the team alone."
        raise InvalidInput(message, fields={"to": [message]})
    return [members[address] for address in addresses]


def _require_sound(number: int, content: dict[str, str]) -> None:
    if not content["source"].strip():
        raise StepError(f"Email {number + 1} has no content yet.", code="no_content")
    try:
        compile_email(**content)
    except TemplateError as error:
        raise StepError(f"Email {number + 1} can’t be made: {error}", code="template_error") from error


def _message_keys(sequence: models.Sequence, run: str) -> Iterator[str]:
    # Their number is bounded, so that the ledger's unique key finds them without another index.
    for number in range(max(MOST_EMAILS, settings.MAX_SEQUENCE_STEPS)):
        for place in range(MOST_RECIPIENTS):
            yield _message_key(sequence, run, number, place)


def _message_key(sequence: models.Sequence, run: str, number: int, place: int) -> str:
    return f"test:s{sequence.pk}:{run}:{number}:{place}"
