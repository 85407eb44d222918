"""Follow-ups as threads: they answer the accepted messages before them on the same way."""

from email import message_from_bytes, policy

from delivery.courier import compile_mailing, composer_of, sender_of
from delivery.models import Mailing, Message, MessageState
from delivery.threads import answered_by
from sequences import services
from tests.factories.sequences import SOURCE, enrol, make_contacts, make_document
from tests.integration.sequences.world import accept, finish, messages_of


def mail(key, **settings):
    return {"kind": "email", "key": key, "source": SOURCE, **settings}


FOLLOW_UPS = [
    mail("first", subject="About {{ firstName }}"),
    mail("second", thread=True),
    mail("other", subject="Something else"),
    mail("answer", subject="Ignored", thread=True),
    mail("third", thread=True),
]


def mailings(sequence):
    steps = sequence.live_version.steps.order_by("position")
    return [(step.mailing.subject, step.mailing.thread) for step in steps]


def test_a_follow_up_bears_the_subject_of_what_it_answers(workspace):
    assert mailings(make_document(workspace, FOLLOW_UPS)) == [
        ("About {{ firstName }}", []),
        ("Re: About {{ firstName }}", ["first"]),
        ("Something else", []),
        ("Re: Something else", ["other"]),
        ("Re: Something else", ["other", "answer"]),
    ]


def test_a_follow_up_answers_an_email_on_every_way_to_it(workspace):
    lanes = {"a": [mail("in", subject="In the lane")], "b": []}
    split = {"kind": "split", "key": "split", "shares": {"a": 50, "b": 50}, "lanes": lanes}
    sequence = make_document(workspace, [mail("first", subject="First"), split, mail("last", thread=True)])
    last = sequence.live_version.steps.get(key="last").mailing
    assert (last.subject, last.thread) == ("Re: First", ["first", "in"])


def test_a_follow_up_without_an_email_before_it_is_one_like_any_other(workspace):
    assert mailings(make_document(workspace, [mail("only", subject="Only", thread=True)])) == [("Only", [])]


def test_a_follow_up_refers_to_the_accepted_messages_before_it(workspace, mailbox, at_nine):
    people = make_contacts(workspace, 2)
    steps = [mail("first", subject="Hello"), mail("second", thread=True), mail("third", thread=True)]
    sequence = make_document(workspace, steps)
    enrol(sequence, people, mailbox)
    services.advance_due(now=at_nine)
    accept(messages_of(sequence, "Hello"), at_nine)
    services.advance_due(now=at_nine)
    seconds = list(Message.objects.filter(key__contains=":second:").order_by("pk"))
    accept(seconds[:1], at_nine)
    finish(seconds[1:], MessageState.FAILED, at_nine)
    services.advance_due(now=at_nine)
    thirds = list(Message.objects.filter(key__contains=":third:").order_by("pk"))
    mailing = Mailing.objects.get(pk=thirds[0].mailing_id)
    found = answered_by(workspace.pk, [message.pk for message in thirds], mailing.thread)
    assert [len(found[message.pk]) for message in thirds] == [2, 1]

    composer = composer_of(mailing, compile_mailing(mailing), sender_of(mailbox, mailing))
    first, second, third = (
        _composed(composer, message, found.get(message.pk, ()), at_nine)
        for message in (Message.objects.filter(contact_id=people[0]).order_by("pk"))
    )
    assert third["In-Reply-To"] == second["Message-ID"]
    assert third["References"].split() == [first["Message-ID"], second["Message-ID"]]
    assert third["Subject"] == "Re: Hello"
    assert first["In-Reply-To"] is None


def _composed(composer, message, answers, now):
    from delivery.compose import Recipient

    recipient = Recipient(
        message.pk, message.contact_id, message.key, "a@example.com", "", "off", {"email": "a@example.com"}
    )
    envelope = composer.compose(recipient, now=now, eight_bit=True, answers=answers)
    return message_from_bytes(envelope.content, policy=policy.default)
