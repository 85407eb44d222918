"""An HTTP server on loopback that stands for the APIs of Postmark, SendGrid and Mailgun."""

import email
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.conf import LazySettings

KEY = "the key"
# What each API says when it takes a message, by the end of its path.
TAKEN: dict[str, tuple[int, Any]] = {
    "/email": (200, {"To": "", "MessageID": "pm-1", "ErrorCode": 0, "Message": "OK"}),
    "/mail/send": (202, None),
    "/messages": (200, {"id": "<mg-1@acme.example>", "message": "Queued. Thank you."}),
}


@dataclass
class Posted:
    """One request to send: its path, headers, and its body (JSON, or a form's fields)."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def recipient(self) -> str:
        """The address it goes to, whatever the API calls it."""
        if "personalizations" in self.body:
            return str(self.body["personalizations"][0]["to"][0]["email"])
        return str(self.body.get("To") or self.body.get("to"))


@dataclass
class EspServer:
    """`posted` lists what was taken or refused; `answer` decides, given the request: None is the usual yes.

    An answer is (status, JSON); "cut" hangs up without one.
    """

    url: str = ""
    posted: list[Posted] = field(default_factory=list)
    answer: Callable[[Posted], tuple[int, Any] | str | None] = lambda posted: None
    delay: float = 0.0
    busy: int = 0
    most_busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def _form(content_type: str, body: bytes) -> dict[str, Any]:
    """Read multipart/form-data."""
    parsed = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=default)
    parts = {}
    for part in parsed.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        parts[name] = part.get_payload(decode=True).decode()
    return parts


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def esp(self) -> EspServer:
        server: Any = self.server
        found: EspServer = server.esp
        return found

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base's
        """Say nothing."""

    def _authorized(self) -> bool:
        shown = [self.headers.get(name, "") for name in ("X-Postmark-Server-Token", "Authorization")]
        return any(text in (KEY, f"Bearer {KEY}", "Basic YXBpOnRoZSBrZXk=") for text in shown)

    def do_GET(self) -> None:
        self._reply(*((200, {}) if self._authorized() else (401, {"Message": "Bad or missing Server API token."})))

    def do_POST(self) -> None:
        content_type = self.headers.get("Content-Type", "")
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if "json" in content_type:
            body = json.loads(raw)
        elif "multipart" in content_type:
            body = _form(content_type, raw)
        else:
            body = dict(parse_qsl(raw.decode()))
        posted = Posted(self.path, dict(self.headers), body)
        with self.esp.lock:
            self.esp.busy += 1
            self.esp.most_busy = max(self.esp.most_busy, self.esp.busy)
        time.sleep(self.esp.delay)
        with self.esp.lock:
            self.esp.busy -= 1
            self.esp.posted.append(posted)
        if not self._authorized():
            self._reply(401, {"ErrorCode": 10, "Message": "Bad or missing Server API token."})
            return
        answer = self.esp.answer(posted)
        if isinstance(answer, str):
            self.close_connection = True
            self.connection.close()
            return
        usual = next(reply for end, reply in TAKEN.items() if self.path.endswith(end))
        status, said = answer or usual
        self._reply(status, {**said, "To": posted.recipient} if answer is None and said and "To" in said else said)

    def _reply(self, status: int, said: Any) -> None:
        content = b"" if said is None else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Message-Id", "sg-1")
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def esp_server(settings: LazySettings) -> Iterator[EspServer]:
    """Run the server for one test; anymail is pointed at it."""
    esp = EspServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.esp = esp  # type: ignore[attr-defined]
    esp.url = f"http://127.0.0.1:{server.server_address[1]}"
    settings.ANYMAIL = {
        "POSTMARK_API_URL": f"{esp.url}/",
        "SENDGRID_API_URL": f"{esp.url}/v3/",
        "MAILGUN_API_URL": f"{esp.url}/v3",
    }
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield esp
    server.shutdown()
    server.server_close()
