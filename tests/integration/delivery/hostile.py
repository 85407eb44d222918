"""SMTP servers that misbehave on purpose, on loopback, one thread each."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone


@dataclass
class Conversation:
    """One client: read its lines, answer as you like."""

    socket: socket.socket
    buffer: bytes = b""

    def say(self, *lines: str) -> None:
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def line(self) -> str:
        while b"\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode("utf-8", "replace").rstrip("\r")

    def content(self) -> str:
        lines = []
        while (line := self.line()) != ".":
            lines.append(line)
        return "\n".join(lines)

    def greet(self, *offers: str) -> None:
        self.say("220 hostile.example ESMTP")
        self.line()
        self.say(*[f"250-{offer}" for offer in ("hostile.example", *offers)], "250 HELP")


@dataclass
class HostileServer:
    """Runs `script` with each conversation; `mail` collects the recipients of what it says it took."""

    script: Callable[["HostileServer", Conversation], None]
    port: int = 0
    taken: list[str] = field(default_factory=list)
    conversations: int = 0
    failures: list[BaseException] = field(default_factory=list)

    def obey(self, talk: Conversation, line: str) -> bool:
        """Answer a command as a good server does; False at QUIT."""
        word = line[:4].upper()
        if word == "MAIL":
            talk.say("250 2.1.0 ok")
        elif word == "RCPT":
            self.recipient = line[line.index("<") + 1 : line.index(">")]
            talk.say("250 2.1.5 ok")
        elif word == "DATA":
            talk.say("354 go")
            talk.content()
            self.taken.append(self.recipient)
            talk.say("250 2.0.0 taken")
        elif word == "QUIT":
            talk.say("221 bye")
            return False
        else:
            talk.say("250 ok")
        return True

    def obey_all(self, talk: Conversation) -> None:
        while self.obey(talk, talk.line()):
            pass


@contextlib.contextmanager
def hostile_server(script: Callable[[HostileServer, Conversation], None]) -> Iterator[HostileServer]:
    server = HostileServer(script)
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    open_sockets: list[socket.socket] = []

    def converse(connected: socket.socket) -> None:
        try:
            server.script(server, Conversation(connected))
        except (EOFError, OSError):
            pass
        except BaseException as error:  # noqa: BLE001 - shown by the test
            server.failures.append(error)
        finally:
            with contextlib.suppress(OSError):
                connected.close()

    def accept() -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            server.conversations += 1
            open_sockets.append(connected)
            threading.Thread(target=converse, args=(connected,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield server
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for connected in open_sockets:
        with contextlib.suppress(OSError):
            connected.close()
    assert not server.failures


def stall(seconds: float = 30) -> None:
    """Say nothing for long."""
    time.sleep(seconds)


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return a server's TLS context with a certificate for localhost that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = timezone.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
