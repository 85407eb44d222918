"""The protocol without sockets: a scripted or made-up server at the other end."""

import base64
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.smtp import (
    Answered,
    Broken,
    Credentials,
    Envelope,
    Event,
    Lost,
    Refusal,
    Refused,
    Security,
    Session,
    Stage,
    Started,
    Unsent,
)
from delivery.smtp.opening import Phase

HELLO = b"220 mx.example ESMTP\r\n"
EHLO = b"250-mx.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 100000\r\n"
PLAIN_EHLO = b"250 mx.example\r\n"


def envelope(number: int, recipient: str = "", **options) -> Envelope:
    content = b"Subject: %d\r\n\r\nHello\r\n.\r\n" % number
    return Envelope(number, "news@sender.example", recipient or f"r{number}@example.com", content, **options)


def session(envelopes: Iterable[Envelope] = (), *, security: Security = Security.PLAIN, **options) -> Session:
    made = Session(hostname="drumbeat.example", security=security, **options)
    source: Iterator[Envelope] = iter(envelopes)
    made.use(lambda _: next(source, None))
    return made


def say(made: Session, data: bytes) -> tuple[list[Event], bytes]:
    events = made.receive(data)
    output = bytes(made.output)
    made.sent(len(output))
    return events, output


def greet(made: Session, ehlo: bytes = EHLO) -> bytes:
    assert say(made, HELLO) == ([], b"EHLO drumbeat.example\r\n")
    return say(made, ehlo)[1]


def test_the_next_envelope_rides_behind_the_content_of_the_last() -> None:
    made = session([envelope(1), envelope(2)])
    size = envelope(1).size
    mail = b"MAIL FROM:<news@sender.example> SIZE=%d\r\nRCPT TO:<r%d@example.com>\r\nDATA\r\n"
    assert greet(made) == mail % (size, 1)
    events, output = say(made, b"250 ok\r\n250 ok\r\n354 go\r\n")
    assert events == [Started(1)]
    assert output == envelope(1).content + mail % (size, 2)
    events, output = say(made, b"250 2.0.0 first\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    assert [type(event) for event in events] == [Answered, Started]
    assert output == envelope(2).content
    events, output = say(made, b"250 2.0.0 second\r\n")
    assert events[0].id == 2
    assert made.is_idle


def test_without_pipelining_every_command_waits_for_its_reply() -> None:
    made = session([envelope(1), envelope(2)])
    assert greet(made, PLAIN_EHLO) == b"MAIL FROM:<news@sender.example>\r\n"
    assert say(made, b"250 ok\r\n") == ([], b"RCPT TO:<r1@example.com>\r\n")
    assert say(made, b"250 ok\r\n") == ([], b"DATA\r\n")
    assert say(made, b"354 go\r\n") == ([Started(1)], envelope(1).content)
    events, output = say(made, b"250 taken\r\n")
    assert isinstance(events[0], Answered)
    assert output == b"MAIL FROM:<news@sender.example>\r\n"


def test_a_refused_recipient_is_told_by_its_own_reply_and_the_next_begins_with_a_reset() -> None:
    made = session([envelope(1), envelope(2)])
    greet(made)
    events, output = say(made, b"250 ok\r\n550 5.1.1 unknown\r\n503 no recipients\r\n")
    (answer,) = events
    assert isinstance(answer, Answered)
    assert (answer.id, answer.stage, answer.reply.enhanced) == (1, Stage.RCPT, "5.1.1")
    assert output.startswith(b"RSET\r\nMAIL FROM")
    events, _ = say(made, b"250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    assert events == [Started(2)]


def test_a_server_that_takes_data_after_refusing_the_recipient_gets_an_empty_message() -> None:
    made = session([envelope(1), envelope(2)])
    greet(made)
    events, output = say(made, b"250 ok\r\n550 5.1.1 unknown\r\n354 go\r\n")
    assert [type(event) for event in events] == [Answered]
    assert output == b".\r\n"
    events, output = say(made, b"554 no valid recipients\r\n")
    assert events == []
    assert output.startswith(b"MAIL FROM")


def test_a_refused_sender_is_told_by_the_reply_to_mail_not_by_what_follows() -> None:
    made = session([envelope(1)])
    greet(made)
    events, _ = say(made, b"553 5.7.1 not you\r\n503 nested\r\n503 nested\r\n")
    assert [(event.stage, event.reply.code) for event in events] == [(Stage.MAIL, 553)]


def test_a_connection_lost_after_all_content_leaves_one_in_doubt_and_the_next_unsent() -> None:
    made = session([envelope(1), envelope(2)])
    greet(made)
    say(made, b"250 ok\r\n250 ok\r\n354 go\r\n")
    assert made.end("gone") == [Lost(1, "gone"), Unsent(envelope(2))]
    assert made.phase is Phase.CLOSED


def test_a_connection_lost_in_the_middle_of_content_leaves_nothing_in_doubt() -> None:
    made = session([envelope(1), envelope(2)])
    greet(made)
    made.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    made.sent(len(envelope(1).content) - 1)
    assert made.end("gone") == [Broken(1, "gone"), Unsent(envelope(2))]


def test_421_to_content_refuses_that_message_and_what_rode_behind_is_unsent() -> None:
    made = session([envelope(1), envelope(2)])
    greet(made)
    say(made, b"250 ok\r\n250 ok\r\n354 go\r\n")
    events, _ = say(made, b"421 4.7.0 slow down\r\n")
    assert isinstance(events[0], Answered)
    assert events[1] == Unsent(envelope(2))
    assert made.phase is Phase.CLOSED


def test_421_to_mail_says_nothing_about_the_message() -> None:
    made = session([envelope(1)])
    greet(made)
    assert say(made, b"421 too many messages here\r\n")[0] == [Unsent(envelope(1))]
    assert made.failure is not None
    assert made.failure.reply is not None


def test_421_to_the_recipient_is_about_the_message() -> None:
    made = session([envelope(1)])
    greet(made)
    (event,) = say(made, b"250 ok\r\n421 4.7.28 this domain gets too much\r\n")[0]
    assert isinstance(event, Answered)
    assert event.stage is Stage.RCPT


def test_a_reply_out_of_nowhere_closes_the_session() -> None:
    made = session()
    greet(made)
    say(made, b"250 surprise\r\n")
    assert made.phase is Phase.CLOSED
    assert made.failure is not None


def test_what_the_server_can_not_carry_is_not_offered() -> None:
    big = Envelope(1, "a@b.example", "c@d.example", b"x" * 200_000)
    made = session([big, envelope(2)])
    say(made, HELLO)
    events, output = say(made, EHLO)
    assert events == [Refused(1, Refusal.TOO_LARGE)]
    assert b"r2@example.com" in output
    made = session([envelope(1, "jös@example.com", utf8=True)])
    say(made, HELLO)
    assert say(made, PLAIN_EHLO)[0] == [Refused(1, Refusal.NEEDS_SMTPUTF8)]


@pytest.mark.parametrize(
    "bad",
    [
        envelope(1)._replace(recipient="a@example.com>\r\nRSET\r\n<b@example.com"),
        envelope(1)._replace(sender="a b@example.com"),
        envelope(1)._replace(content=b"Subject: 1\r\n\r\nno end"),
    ],
)
def test_what_would_break_out_of_its_envelope_is_not_offered(bad: Envelope) -> None:
    made = session([bad])
    say(made, HELLO)
    events, output = say(made, EHLO)
    assert (events, output) == ([Refused(1, Refusal.MALFORMED)], b"")


def test_parameters_are_given_only_as_offered() -> None:
    made = session([envelope(1, "jös@example.com", utf8=True, eight_bit=True)])
    assert greet(made).decode().startswith("MAIL FROM:<news@sender.example> SIZE=21 BODY=8BITMIME SMTPUTF8\r\n")


def test_starttls_is_required_when_asked_for() -> None:
    made = session(security=Security.STARTTLS)
    greet(made)
    assert made.failure is not None
    assert made.failure.stage is Stage.STARTTLS


def test_after_starttls_the_server_is_greeted_again_and_nothing_from_before_counts() -> None:
    made = session([envelope(1)], security=Security.STARTTLS, credentials=Credentials("me", "pass"))
    assert greet(made, b"250-mx\r\n250-STARTTLS\r\n250 SIZE 1\r\n") == b"STARTTLS\r\n"
    assert say(made, b"220 go\r\n") == ([], b"")
    assert made.phase is Phase.TLS
    made.tls_established()
    assert made.capabilities.size == 0
    made.sent(len(made.output))
    assert say(made, b"250-mx\r\n250 AUTH PLAIN LOGIN\r\n")[1].endswith(b"AUTH PLAIN AG1lAHBhc3M=\r\n")
    assert say(made, b"235 welcome\r\n")[1].startswith(b"MAIL FROM")


def test_plain_text_smuggled_behind_starttls_is_refused() -> None:
    made = session(security=Security.STARTTLS)
    greet(made, b"250-mx\r\n250 STARTTLS\r\n")
    say(made, b"220 go\r\n250 AUTH PLAIN\r\n")
    assert made.phase is Phase.CLOSED
    made = session(security=Security.STARTTLS)
    greet(made, b"250-mx\r\n250 STARTTLS\r\n")
    say(made, b"220 go\r\n250 half")
    assert made.phase is Phase.CLOSED


def test_login_answers_both_challenges() -> None:
    made = session(credentials=Credentials("me", "pass"))
    assert greet(made, b"250-mx\r\n250 AUTH=LOGIN\r\n") == b"AUTH LOGIN\r\n"
    assert say(made, b"334 VXNlcm5hbWU6\r\n")[1] == b"bWU=\r\n"
    assert say(made, b"334 UGFzc3dvcmQ6\r\n")[1] == b"cGFzcw==\r\n"
    say(made, b"235 ok\r\n")
    assert made.is_idle


def test_a_token_is_given_to_xoauth2_and_a_refusal_tells_what_the_challenge_said() -> None:
    made = session(credentials=Credentials("me@x.example", token="secret-token"))
    begun = greet(made, b"250-mx\r\n250 AUTH PLAIN XOAUTH2\r\n")
    word, response = begun.rsplit(maxsplit=1)
    assert word == b"AUTH XOAUTH2"
    assert base64.b64decode(response) == b"user=me@x.example\1auth=Bearer secret-token\1\1"
    challenge = base64.b64encode(b'{"status":"401","schemes":"bearer"}')
    assert say(made, b"334 %s\r\n" % challenge) == ([], b"\r\n")
    say(made, b"535 5.7.8 Username and Password not accepted\r\n")
    assert made.failure is not None
    assert (made.failure.stage, made.failure.reply and made.failure.reply.code) == (Stage.AUTH, 535)
    assert "401" in made.failure.message
    assert "secret-token" not in repr(made.failure) + repr(Credentials("me", token="secret-token"))


def test_a_server_that_challenges_without_end_is_left() -> None:
    made = session(credentials=Credentials("me", token="t"))
    greet(made, b"250-mx\r\n250 AUTH XOAUTH2\r\n")
    assert say(made, b"334 e30=\r\n")[1] == b"\r\n"
    say(made, b"334 e30=\r\n")
    assert made.phase is Phase.CLOSED


def test_a_long_token_waits_for_the_challenge() -> None:
    made = session([envelope(1)], credentials=Credentials("me", token="t" * 2000))
    assert greet(made, b"250-mx\r\n250 AUTH XOAUTH2\r\n") == b"AUTH XOAUTH2\r\n"
    response = say(made, b"334 \r\n")[1]
    assert b"t" * 2000 in base64.b64decode(response)
    assert say(made, b"235 2.7.0 Accepted\r\n")[1].startswith(b"MAIL FROM")


def test_when_plain_is_not_supported_after_all_login_is_tried() -> None:
    made = session(credentials=Credentials("me", "pass"))
    greet(made, b"250-mx\r\n250 AUTH LOGIN PLAIN\r\n")
    assert say(made, b"504 5.5.4 unrecognized\r\n")[1] == b"AUTH LOGIN\r\n"
    say(made, b"334 VXNlcm5hbWU6\r\n")
    say(made, b"334 UGFzc3dvcmQ6\r\n")
    say(made, b"535 5.7.8 no\r\n")
    assert made.failure is not None
    assert made.failure.stage is Stage.AUTH


def test_replies_before_their_questions_close_the_session() -> None:
    made = session([envelope(1)])
    assert made.receive(HELLO + EHLO) == []
    assert made.phase is Phase.CLOSED
    made = session([envelope(1)])
    say(made, HELLO)
    assert made.receive(EHLO + b"250 ok\r\n250 ok\r\n354 go\r\n") == [Unsent(envelope(1))]


def test_a_refusal_before_the_end_of_the_content_stands_and_ends_the_session() -> None:
    made = session([envelope(1), envelope(2)])
    greet(made)
    made.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    made.sent(10)
    answer, unsent = made.receive(b"552 5.3.4 too big\r\n")
    assert isinstance(answer, Answered)
    assert (answer.stage, answer.reply.code, unsent) == (Stage.CONTENT, 552, Unsent(envelope(2)))
    assert made.phase is Phase.CLOSED


def test_a_message_taken_before_its_end_was_not_taken() -> None:
    made = session([envelope(1), envelope(2)])
    greet(made)
    events = made.receive(b"250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n")
    assert [type(event) for event in events] == [Started, Broken, Unsent]


@pytest.mark.parametrize("ehlo", [b"250 mx\r\n", b"250-mx\r\n250 AUTH GSSAPI\r\n"])
def test_a_login_that_can_not_be_made_fails(ehlo: bytes) -> None:
    made = session(credentials=Credentials("me", "pass"))
    greet(made, ehlo)
    assert made.failure is not None
    assert made.failure.stage is Stage.AUTH
    assert "pass" not in repr(made.failure) + repr(Credentials("me", "pass"))


def test_helo_is_tried_when_ehlo_is_not_known() -> None:
    made = session([envelope(1)])
    say(made, HELLO)
    assert say(made, b"502 what?\r\n")[1] == b"HELO drumbeat.example\r\n"
    assert say(made, b"250 hello\r\n")[1] == b"MAIL FROM:<news@sender.example>\r\n"


# A made-up server: for each envelope a reply at each stage, perhaps the end of the connection after any reply.
verdicts = st.sampled_from([b"250 2.0.0 ok", b"250 ok", b"451 4.7.1 later", b"550 5.1.1 no", b"452 4.2.2 full"])
outcomes = st.tuples(verdicts, verdicts, st.sampled_from([b"354 go", b"354 go", b"354 go", b"451 no"]), verdicts)


def replies_for(plan: tuple[bytes, bytes, bytes, bytes], pipelining: bool) -> list[bytes]:
    mail, rcpt, data, content = plan
    if not pipelining:
        replies = [mail]
        if mail.startswith(b"2"):
            replies.append(rcpt)
            if rcpt.startswith(b"2"):
                replies.append(data)
                if data.startswith(b"354"):
                    replies.append(content)
        return replies
    ok = mail.startswith(b"2") and rcpt.startswith(b"2")
    data = data if ok else (b"503 no")
    return [mail, rcpt, data, content] if data.startswith(b"354") else [mail, rcpt, data]


def deciding(plan: tuple[bytes, bytes, bytes, bytes]) -> bytes:
    mail, rcpt, data, content = plan
    if not mail.startswith(b"2"):
        return mail
    if not rcpt.startswith(b"2"):
        return rcpt
    return content if data.startswith(b"354") else data


@given(st.lists(outcomes, min_size=1, max_size=8), st.booleans(), st.data())
def test_every_reply_is_attributed_to_its_own_envelope(plans, pipelining: bool, data: st.DataObject) -> None:
    made = session([envelope(number) for number in range(len(plans))])
    greet(made, EHLO if pipelining else PLAIN_EHLO)
    events: list[Event] = []
    stream = b""
    declined = False
    for plan in plans:
        if declined:
            stream += b"250 reset\r\n"
        stream += b"".join(reply + b"\r\n" for reply in replies_for(plan, pipelining))
        declined = not (plan[0].startswith(b"2") and plan[1].startswith(b"2") and plan[2].startswith(b"354"))
    stop = data.draw(st.integers(0, len(stream)))
    start = 0
    while start < stop:
        size = data.draw(st.integers(1, 40))
        # Replies never run ahead of what was sent: hand over one line at a time at most.
        newline = stream.find(b"\n", start, stop)
        end = min(start + size, newline + 1 if newline >= 0 else stop)
        events += say(made, stream[start:end])[0]
        start = end
    if stop < len(stream):
        events += made.end("cut")
    answered = {event.id: event for event in events if isinstance(event, Answered)}
    for number, event in answered.items():
        assert str(event.reply) == deciding(plans[number]).decode()
    lost = [event.id for event in events if isinstance(event, Lost)]
    unsent = [event.envelope.id for event in events if isinstance(event, Unsent)]
    settled = [*answered, *lost, *unsent]
    assert len(settled) == len(set(settled)), "one fate each"
    assert len(lost) <= 1, "at most one in doubt"
    started = [event.id for event in events if isinstance(event, Started)]
    assert set(lost) <= set(started)
    assert not set(unsent) & set(started)
    if stop == len(stream):
        assert sorted(answered) == list(range(len(plans)))


@given(st.lists(st.binary(max_size=60), max_size=20), st.booleans())
def test_garbage_never_breaks_the_machine(chunks: list[bytes], pipelining: bool) -> None:
    made = session([envelope(1), envelope(2)])
    greet(made, EHLO if pipelining else PLAIN_EHLO)
    events: list[Event] = []
    for chunk in chunks:
        if not made.is_open:
            break
        events += say(made, chunk)[0]
    events += made.end("cut") if made.is_open else []
    fates = [event for event in events if not isinstance(event, Started)]
    assert len(fates) <= 2
