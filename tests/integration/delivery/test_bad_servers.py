"""Servers that are down, refuse, stall, hang up, speak in riddles: nothing is lost, nothing is sent twice."""

import socket
import struct
from datetime import timedelta

import pytest

from core import clock
from delivery import selectors, services
from delivery.models import Batch, Mailbox, Message, MessageState
from team.models import Workspace
from tests.factories import delivery as make
from tests.integration.delivery.hostile import Conversation, HostileServer, hostile_server, stall
from tests.plugins.mail import SmtpSink, free_port

GOOD = ("PIPELINING", "8BITMIME", "SIZE 10000000")


def send(workspace: Workspace, port: int, count: int = 3, **mailbox) -> list[int]:
    sender = make.make_mailbox(workspace, port=port, **{"max_connections": 1, **mailbox})
    messages = make.queue(make.make_mailing(workspace), sender, make.make_contacts(workspace, count))
    services.dispatch_due()
    return messages


def states(messages: list[int]) -> list[tuple[str, str]]:
    found = {
        pk: (MessageState(state).name, reason)
        for pk, state, reason in Message.objects.values_list("pk", "state", "reason")
    }
    return [found[pk] for pk in messages]


def finish(port: int) -> None:
    """Point the mailbox at a good server and let a day pass."""
    services.update_mailbox(Mailbox.objects.get(), smtp_port=port)
    if Mailbox.objects.get().status == Mailbox.Status.PAUSED:
        services.resume_mailbox(Mailbox.objects.get().pk)
    with clock.simulated(clock.now() + timedelta(days=1)):
        services.dispatch_due()


def test_a_server_that_is_down_defers_everything_with_a_growing_pause(
    workspace: Workspace, smtp_sink: SmtpSink
) -> None:
    port = free_port()
    start = clock.now()
    messages = send(workspace, port)
    assert states(messages) == [("DEFERRED", "server_unreachable")] * 3
    mailbox = Mailbox.objects.get()
    assert "Connection refused" in mailbox.last_error
    assert mailbox.failures == 1
    message = Message.objects.get(pk=messages[0])
    assert message.attempts == 0
    assert "Connection refused" in selectors.why(message).sentence
    pauses = []
    for _ in range(5):
        mailbox.refresh_from_db()
        assert mailbox.retry_at is not None
        assert Batch.objects.get().due_at == mailbox.retry_at
        pauses.append(mailbox.retry_at)
        with clock.simulated(mailbox.retry_at):
            services.dispatch_due()
    gaps = [(later - sooner).total_seconds() for sooner, later in zip([start, *pauses], pauses, strict=False)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 100
    finish(smtp_sink.port)
    assert states(messages) == [("ACCEPTED", "")] * 3
    assert len(smtp_sink.messages) == 3
    mailbox.refresh_from_db()
    assert (mailbox.failures, mailbox.retry_at, mailbox.last_error) == (0, None, "")


def test_while_a_server_is_down_other_batches_of_the_mailbox_cost_no_ticks(workspace: Workspace) -> None:
    sender = make.make_mailbox(workspace, port=free_port())
    mailing = make.make_mailing(workspace)
    for number in range(3):
        make.queue(mailing, sender, make.make_contacts(workspace, 2, prefix=f"group{number}-"))
    services.dispatch_due()
    assert not Batch.objects.filter(state=Batch.State.QUEUED, due_at__lte=clock.now()).exists()
    assert Mailbox.objects.get().failures == 1
    untouched = Message.objects.filter(state=MessageState.QUEUED)
    assert untouched.count() == 4
    assert selectors.why(untouched[0]).code == "server_unreachable"


def test_a_server_away_for_a_day_pauses_the_mailbox_with_the_reason(workspace: Workspace) -> None:
    messages = send(workspace, free_port())
    with clock.simulated(clock.now() + timedelta(hours=25)):
        services.dispatch_due()
    mailbox = Mailbox.objects.get()
    assert mailbox.status == Mailbox.Status.PAUSED
    assert "for a day" in mailbox.paused_reason
    assert Batch.objects.get().state == Batch.State.HELD
    assert len(messages) == 3


@pytest.mark.parametrize("greeting", ["554 no service here", "421 too busy", "HTTP/1.1 400 Bad Request", ""])
def test_a_server_that_takes_no_mail_now_is_tried_later(
    workspace: Workspace, smtp_sink: SmtpSink, greeting: str
) -> None:
    def script(server: HostileServer, talk: Conversation) -> None:
        talk.say(greeting)
        talk.line()

    with hostile_server(script) as server:
        messages = send(workspace, server.port)
    assert {state for state, _ in states(messages)} == {"DEFERRED"}
    assert Mailbox.objects.get().status == Mailbox.Status.ACTIVE
    finish(smtp_sink.port)
    assert len(smtp_sink.messages) == 3


def test_a_server_that_stalls_at_once_is_tried_later(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    with hostile_server(lambda server, talk: stall()) as server:
        messages = send(workspace, server.port)
    assert states(messages) == [("DEFERRED", "server_unreachable")] * 3
    finish(smtp_sink.port)
    assert len(smtp_sink.messages) == 3


def test_a_server_that_hangs_up_in_the_middle_of_content_gets_the_message_again(
    workspace: Workspace, smtp_sink: SmtpSink
) -> None:
    def script(server: HostileServer, talk: Conversation) -> None:
        talk.greet(*GOOD)
        while talk.line()[:4] != "DATA":
            talk.say("250 ok")
        # A window so small that the content can't have gone out whole; then a reset.
        talk.say("354 go")
        talk.socket.recv(100)
        talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with hostile_server(script) as server:
        sender = make.make_mailbox(workspace, port=server.port, max_connections=1)
        big = "<p>" + "Lorem ipsum dolor sit amet. " * 300_000 + "</p>"
        mailing = make.make_mailing(workspace, source=big[:400_000] + "</p>" + "{{ x }}")
        messages = make.queue(mailing, sender, make.make_contacts(workspace, 1))
        services.dispatch_due()
    ((state, reason),) = states(messages)
    assert (state, reason) in [("DEFERRED", "interrupted"), ("UNKNOWN", "reply_lost")]
    if state == "DEFERRED":
        finish(smtp_sink.port)
        assert len(smtp_sink.messages) == 1


def test_no_answer_to_the_whole_content_leaves_one_message_in_doubt_and_no_other(
    workspace: Workspace, smtp_sink: SmtpSink
) -> None:
    def script(server: HostileServer, talk: Conversation) -> None:
        talk.greet(*GOOD)
        if server.conversations > 1:
            server.obey_all(talk)
        while talk.line()[:4] != "DATA":
            talk.say("250 ok")
        talk.say("354 go")
        talk.content()

    with hostile_server(script) as server:
        messages = send(workspace, server.port, 4)
    found = states(messages)
    assert sorted(found) == [("ACCEPTED", "")] * 3 + [("UNKNOWN", "reply_lost")]
    assert len(server.taken) == 3
    totals = selectors.totals([Message.objects.get(pk=messages[0]).mailing_id])
    assert (totals.accepted, totals.unknown, totals.waiting) == (3, 1, 0)
    services.dispatch_due()
    assert sorted(states(messages)) == sorted(found)


def test_a_mailbox_that_resends_what_is_unknown_uses_the_same_message_id(
    workspace: Workspace, smtp_sink: SmtpSink
) -> None:
    seen: list[str] = []

    def script(server: HostileServer, talk: Conversation) -> None:
        talk.greet(*GOOD)
        while talk.line()[:4] != "DATA":
            talk.say("250 ok")
        talk.say("354 go")
        seen.append(talk.content())

    with hostile_server(script) as server:
        messages = send(workspace, server.port, 1, on_unknown="resend")
    assert states(messages) == [("DEFERRED", "resent_unknown")]
    finish(smtp_sink.port)
    assert states(messages) == [("ACCEPTED", "")]
    message_id = smtp_sink.messages[0].message["Message-ID"]
    assert message_id in seen[0]
    kinds = [moment.kind for moment in selectors.timeline(Message.objects.get())]
    assert kinds == ["queued", "unknown", "accepted"]


def test_a_server_that_closes_after_every_second_message_gets_them_all(workspace: Workspace) -> None:
    def script(server: HostileServer, talk: Conversation) -> None:
        talk.greet(*GOOD)
        before = len(server.taken)
        while len(server.taken) < before + 2:
            if not server.obey(talk, talk.line()):
                return
        talk.say("421 4.7.0 too many messages in this session")

    with hostile_server(script) as server:
        messages = send(workspace, server.port, 7)
    assert {state for state, _ in states(messages)} == {"ACCEPTED"}
    assert sorted(server.taken) == sorted(f"person{n}@example.com" for n in range(7))
    assert server.conversations == 4


def test_a_server_that_drops_before_every_message_is_given_up_not_hammered(workspace: Workspace) -> None:
    def script(server: HostileServer, talk: Conversation) -> None:
        talk.greet(*GOOD)
        talk.line()

    with hostile_server(script) as server:
        messages = send(workspace, server.port, 7)
        assert server.conversations <= 10
    assert {state for state, _ in states(messages)} == {"DEFERRED"}


def test_without_pipelining_all_arrive_too(workspace: Workspace) -> None:
    def script(server: HostileServer, talk: Conversation) -> None:
        talk.greet()
        while True:
            line = talk.line()
            assert not talk.buffer, "the client must wait for each answer"
            if not server.obey(talk, line):
                return

    with hostile_server(script) as server:
        messages = send(workspace, server.port, 5)
    assert {state for state, _ in states(messages)} == {"ACCEPTED"}
    assert len(server.taken) == 5


def test_garbage_in_the_middle_of_a_session_loses_nothing(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    def script(server: HostileServer, talk: Conversation) -> None:
        talk.greet(*GOOD)
        talk.line()
        talk.socket.sendall(b"\x00\xff\xfe garbage\r\n" * 3)
        stall()

    with hostile_server(script) as server:
        messages = send(workspace, server.port, 3)
    assert {state for state, _ in states(messages)} == {"DEFERRED"}
    finish(smtp_sink.port)
    assert len(smtp_sink.messages) == 3


def test_a_refused_login_pauses_the_mailbox_and_keeps_the_messages(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    def script(server: HostileServer, talk: Conversation) -> None:
        talk.greet("AUTH PLAIN LOGIN")
        talk.line()
        talk.say("535 5.7.8 Username and Password not accepted")
        stall()

    with hostile_server(script) as server:
        messages = send(workspace, server.port, smtp_username="me", smtp_password="wrong-secret")
    mailbox = Mailbox.objects.get()
    assert mailbox.status == Mailbox.Status.PAUSED
    assert "not accepted" in mailbox.paused_reason
    assert "wrong-secret" not in mailbox.paused_reason
    assert {state for state, _ in states(messages)} == {"QUEUED"}
    services.update_mailbox(mailbox, smtp_username="", smtp_password="")
    finish(smtp_sink.port)
    assert len(smtp_sink.messages) == 3


def test_a_login_that_fails_for_now_is_tried_later(workspace: Workspace) -> None:
    def script(server: HostileServer, talk: Conversation) -> None:
        talk.greet("AUTH PLAIN LOGIN")
        talk.line()
        talk.say("454 4.7.0 Temporary authentication failure")
        stall()

    with hostile_server(script) as server:
        send(workspace, server.port, smtp_username="me", smtp_password="secret")
    assert Mailbox.objects.get().status == Mailbox.Status.ACTIVE


def test_a_server_that_takes_one_connection_only_gets_everything_over_it(workspace: Workspace) -> None:
    def script(server: HostileServer, talk: Conversation) -> None:
        if server.conversations > 1:
            talk.say("421 4.7.0 too many connections")
            return
        talk.greet(*GOOD)
        server.obey_all(talk)

    with hostile_server(script) as server:
        messages = send(workspace, server.port, 40, max_connections=4)
    assert {state for state, _ in states(messages)} == {"ACCEPTED"}
    assert len(server.taken) == 40


def test_a_pause_reaches_a_batch_that_is_on_its_way(workspace: Workspace, monkeypatch) -> None:
    from delivery import courier

    monkeypatch.setattr(courier, "RECHECK_EVERY", 0.05)
    mailings: list[int] = []

    def script(server: HostileServer, talk: Conversation) -> None:
        from time import sleep

        from django.db import connection

        talk.greet(*GOOD)
        while server.obey(talk, talk.line()):
            sleep(0.02)
            if len(server.taken) == 5:
                services.set_mailing_state(mailings, "paused")
                connection.close()

    with hostile_server(script) as server:
        sender = make.make_mailbox(workspace, port=server.port, max_connections=1)
        mailing = make.make_mailing(workspace)
        mailings.append(mailing.pk)
        messages = make.queue(mailing, sender, make.make_contacts(workspace, 60))
        services.dispatch_due()
        sent = len(server.taken)
    assert 5 <= sent < 40
    found = [state for state, _ in states(messages)]
    assert found == ["ACCEPTED"] * sent + ["QUEUED"] * (60 - sent)
    batch = Batch.objects.get()
    assert batch.state == Batch.State.HELD
    assert batch.message_ids == messages[sent:]
