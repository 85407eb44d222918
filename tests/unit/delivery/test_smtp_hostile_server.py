"""The client against a server that does anything at any point, octet by octet: whatever it does, every envelope ends once."""

import contextlib
import socket
import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.smtp import (
    Answered,
    Broken,
    Client,
    Envelope,
    Event,
    Lost,
    Patience,
    Refused,
    Security,
    Server,
    Stage,
    Started,
    Unsent,
)

PATIENCE = Patience(connect=0.3, greeting=0.3, command=0.3, transfer=0.3, content=0.3)
# No example may take longer: three silent connections in a row, times the patience, with room for a busy machine.
BOUND_SECONDS = 30
END = b"\r\n.\r\n"

# What the server does instead of, or beside, a good answer.
FAIR = ["ok", "ok", "ok", "ok", "multiline", "bare line feed", "no text", "later", "never", "farewell"]
FOUL = ["garbage", "go on", "done", "twice", "close", "reset", "half-close", "silence", "drip", "endless"]
deeds = st.tuples(st.sampled_from(FAIR + FOUL), st.integers(1, 40), st.binary(max_size=30))
plans = st.lists(deeds, max_size=24)
good_plans = st.lists(st.tuples(st.sampled_from(FAIR), st.integers(1, 40), st.just(b"")), max_size=24)


class GoneError(Exception):
    """The server ends this conversation."""


@dataclass
class Hostile:
    """One conversation after the other by its plan: a deed a reply, good ones when the plan is used up."""

    plans: list[list[tuple[str, int, bytes]]]
    offers: bytes
    port: int = 0
    conversations: int = 0
    # Recipients by conversation, and those whose content came whole.
    asked: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    whole: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    reset: set[int] = field(default_factory=set)

    def converse(self, number: int, connected: socket.socket) -> None:
        plan = iter(self.plans[number] if number < len(self.plans) else [])
        talk = Talk(self, number, connected, plan)
        try:
            talk.run()
        except (GoneError, OSError):
            pass
        finally:
            talk.listen_to_the_end()
            with contextlib.suppress(OSError):
                connected.close()


class Talk:
    def __init__(self, server: Hostile, number: int, connected: socket.socket, plan: Iterator) -> None:
        self.server, self.number, self.socket, self.plan = server, number, connected, plan
        self.buffer = b""
        self.recipient = ""
        self.in_content = False
        connected.settimeout(5)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        self.answer("220 hostile ESMTP")
        while True:
            line = self.until(b"\r\n").upper()
            if line.startswith(b"EHLO"):
                self.answer(None)
            elif line.startswith(b"RCPT"):
                self.recipient = line[line.index(b"<") + 1 : line.index(b">")].decode().lower()
                self.server.asked[self.number].append(self.recipient)
                self.answer(f"250 2.1.5 {self.recipient}")
            elif line == b"DATA":
                if self.answer(f"354 {self.recipient}"):
                    self.take_content()
            elif line == b"QUIT":
                return
            else:
                self.answer("250 2.1.0 ok")

    def take_content(self) -> None:
        self.in_content = True
        self.buffer = b"\r\n" + self.buffer
        content = self.until(END)
        self.in_content = False
        if not content:
            self.answer("554 5.5.1 no recipient")
            return
        self.server.whole[self.recipient] += 1
        if self.answer(f"250 2.0.0 {self.recipient}"):
            self.server.taken[self.recipient] += 1

    def until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise GoneError
            self.buffer += data
        part, _, self.buffer = self.buffer.partition(end)
        return part

    def answer(self, good: str | None) -> bool:
        """Do the plan's next deed; whether it was the good answer (None: to EHLO) in some form."""
        deed, size, rubbish = next(self.plan, ("ok", 40, b""))
        if good is None and deed in FAIR:
            self.say(b"250-hostile\r\n" + self.server.offers + b"250 HELP\r\n", size)
            return True
        code, _, text = (good or "250 hostile").partition(" ")
        plain = f"{code} {text}\r\n".encode()
        match deed:
            case "ok":
                self.say(plain, size)
            case "multiline":
                self.say(f"{code}-{text}\r\n{code} {text}\r\n".encode(), size)
            case "bare line feed":
                self.say(f"{code} {text}\n".encode(), size)
            case "no text":
                self.say(f"{code}\r\n".encode(), size)
            case "twice":
                self.say(plain + b"250 once more\r\n", size)
            case "half-close":
                self.say(plain, size)
                self.socket.shutdown(socket.SHUT_WR)
            case _:
                self.misbehave(deed, size, rubbish, text)
                return False
        return True

    def misbehave(self, deed: str, size: int, rubbish: bytes, text: str) -> None:
        lines = {
            "later": f"451 4.3.0 {text}".encode(),
            "never": f"550 5.1.1 {text}".encode(),
            "garbage": rubbish,
            "go on": b"354 go on",
            "done": b"250 done",
        }
        if deed in lines:
            self.say(lines[deed] + b"\r\n", size)
            return
        match deed:
            case "farewell":
                self.say(f"421 4.7.0 {text}\r\n".encode(), size)
                raise GoneError
            case "close":
                raise GoneError
            case "reset":
                self.server.reset.add(self.number)
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.socket.close()
                raise GoneError
            case "silence":
                self.listen_to_the_end()
                raise GoneError
            case "drip":
                for _ in range(200):
                    self.say(b"2", 1)
                    time.sleep(0.05)
                raise GoneError
            case "endless":
                self.say(b"250-and more\r\n" * 300, 1000)
                raise GoneError

    def say(self, data: bytes, size: int) -> None:
        for start in range(0, len(data), size):
            self.socket.sendall(data[start : start + size])

    def listen_to_the_end(self) -> None:
        """Say nothing more, but read all that still comes, to know whether a content was whole."""
        if self.number in self.server.reset:
            return
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(GoneError, OSError):
            if self.in_content:
                self.server.whole[self.recipient] += bool(self.until(END))
            while True:
                self.until(b"\r\n")


@contextlib.contextmanager
def running(server: Hostile) -> Iterator[Hostile]:
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=server.converse, args=(server.conversations, connected), daemon=True)
            server.conversations += 1
            threads.append(thread)
            thread.start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    yield server
    listener.shutdown(socket.SHUT_RDWR)
    accepting.join(5)
    listener.close()
    for thread in threads:
        thread.join(15)


def envelopes(count: int, size: int) -> list[Envelope]:
    body = b"".join(b"%04d and so on.\r\n" % number for number in range(size // 18))
    content = b"Subject: x\r\n\r\n" + body + b".\r\n"
    return [Envelope(number, "news@sender.example", f"r{number}@example.com", content) for number in range(count)]


def send(server: Hostile, given_envelopes: list[Envelope], connections: int) -> tuple[list[Event], float]:
    source = iter(given_envelopes)
    seen: list[Event] = []
    client = Client(Server("127.0.0.1", server.port, Security.PLAIN, patience=PATIENCE), connections=connections)
    began = time.monotonic()
    client.deliver(lambda _: next(source, None), seen.extend, expected=len(given_envelopes))
    client.close()
    # What was never asked for, because the server could not be used, is the caller's to give back.
    seen.extend(Unsent(envelope) for envelope in source)
    return seen, time.monotonic() - began


def id_of(event: Event) -> int:
    return event.envelope.id if isinstance(event, Unsent) else event.id


def check(server: Hostile, events: list[Event], count: int) -> None:
    ends = [event for event in events if not isinstance(event, Started)]
    assert sorted(id_of(event) for event in ends) == list(range(count)), "each envelope ends once"
    started_at = {event.id: place for place, event in enumerate(events) if isinstance(event, Started)}
    conversation = {name: number for number, names in server.asked.items() for name in names}
    lost: Counter[int] = Counter()
    for place, event in enumerate(events):
        if isinstance(event, Started):
            continue
        name = f"r{id_of(event)}@example.com"
        begun = started_at.get(id_of(event), len(events)) < place
        match event:
            case Lost():
                assert begun
                number = conversation[name]
                lost[number] += 1
                assert server.whole[name] or number in server.reset, "in doubt only if its whole content went out"
            case Broken() | Unsent() | Refused():
                assert not server.whole[name], "what the server has whole is never offered again"
            case Answered(_, stage, reply):
                assert begun == (stage is Stage.CONTENT)
                assert not reply.is_positive or stage is Stage.CONTENT
                assert 200 <= reply.code < 300 or reply.code >= 400
    assert all(times == 1 for times in lost.values()), "at most one in doubt a connection"
    assert all(times == 1 for times in server.whole.values()), "nothing goes out twice"


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(plans, max_size=5),
    st.sampled_from([b"", b"250-PIPELINING\r\n250-SIZE 1000000\r\n"]),
    st.integers(1, 8),
    st.integers(1, 3),
    st.sampled_from([40, 12_000, 3_000_000]),
)
def test_a_server_that_does_anything_at_any_point(made, offers: bytes, count: int, connections: int, size: int) -> None:
    with running(Hostile(made, offers)) as server:
        events, seconds = send(server, envelopes(count, size), connections)
    assert seconds < BOUND_SECONDS
    check(server, events, count)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(good_plans, max_size=5),
    st.sampled_from([b"", b"250-PIPELINING\r\n"]),
    st.integers(1, 12),
    st.integers(1, 3),
)
def test_every_reply_of_an_honest_server_reaches_its_own_envelope(
    made, offers: bytes, count: int, connections: int
) -> None:
    with running(Hostile(made, offers)) as server:
        events, _ = send(server, envelopes(count, 40), connections)
    check(server, events, count)
    accepted = set()
    for event in events:
        if isinstance(event, Answered):
            name = f"r{event.id}@example.com"
            assert event.stage is Stage.MAIL or not event.reply.text or event.reply.text.endswith(name)
            if event.reply.is_positive:
                accepted.add(name)
        assert not isinstance(event, Lost)
    assert accepted == set(server.taken)


def test_nothing_is_left_over_when_the_server_is_good() -> None:
    with running(Hostile([], b"250-PIPELINING\r\n")) as server:
        events, _ = send(server, envelopes(40, 12_000), 3)
    check(server, events, 40)
    assert len(server.taken) == 40
    assert server.conversations == 3


def test_a_source_that_opens_later_is_waited_for_on_the_open_connection() -> None:
    waiting = envelopes(5, 40)
    opens = time.monotonic()

    def pull(_: object) -> Envelope | None:
        nonlocal opens
        if not waiting or time.monotonic() < opens:
            return None
        opens = time.monotonic() + 0.1
        return waiting.pop(0)

    seen: list[Event] = []
    with running(Hostile([], b"250-PIPELINING\r\n")) as server:
        client = Client(Server("127.0.0.1", server.port, Security.PLAIN), connections=1)
        began = time.monotonic()
        client.deliver(pull, seen.extend, expected=5, opens_at=lambda: opens if waiting else 0.0)
        took = time.monotonic() - began
        client.close()
    assert took >= 0.4
    assert len(server.taken) == 5
    assert server.conversations == 1
