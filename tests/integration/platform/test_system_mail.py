"""The server of the system's own mail: tried by the doctor, over TLS and with a login."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from config import doctor
from config.system_mail import system_mail
from team import mail
from tests.plugins.mail import free_port


class Server(Controller):
    """Asks for STARTTLS and a login (post:s/cret) before it takes anything."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.received: list[Envelope] = []
        self._context = context
        super().__init__(self, hostname="127.0.0.1", port=free_port())

    def factory(self) -> SMTP:
        return SMTP(
            self,
            tls_context=self._context,
            require_starttls=True,
            auth_required=True,
            authenticator=self._check,
        )

    def _check(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        wanted = LoginPassword(b"post", b"s/cret")
        return AuthResult(success=data == wanted, handled=False)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        self.received.append(envelope)
        return "250 OK"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, which signs itself."""
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "made.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made)),
        ],
        check=True,
        capture_output=True,
    )
    return made, key


@pytest.fixture
def server(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made, key = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    running = Server(context)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def use(settings: Any) -> Any:
    """Return a function that sets SYSTEM_EMAIL_URL."""

    def set_url(url: str) -> None:
        from dataclasses import replace

        server = system_mail(url)
        settings.ENVIRONMENT = replace(settings.ENVIRONMENT, system_mail=server)
        settings.MAILERS = {"default": server.mailer()}

    return set_url


def port_of(server: Server) -> int:
    assert server.server is not None
    return int(server.server.sockets[0].getsockname()[1])


def test_mail_goes_out_over_tls_with_a_login(server: Server, use: Any) -> None:
    use(f"smtp+starttls://post:s%2Fcret@127.0.0.1:{port_of(server)}")
    mail.deliver(to="bob@example.com", subject="Join", text="Come", html="<p>Come</p>")
    assert [envelope.rcpt_tos for envelope in server.received] == [["bob@example.com"]]
    found = doctor.check_system_mail()
    assert found.healthy
    assert found.detail.startswith(f"smtp+starttls://post@127.0.0.1:{port_of(server)}, from Drumbeat <")
    assert "s/cret" not in found.detail


def test_a_wrong_password_is_a_fault_that_says_so(server: Server, use: Any) -> None:
    use(f"smtp+starttls://post:wrong@127.0.0.1:{port_of(server)}")
    found = doctor.check_system_mail()
    assert not found.healthy
    assert "refuses the login: 535" in found.detail
    assert "wrong" not in found.detail


def test_a_server_that_is_down_is_a_fault_that_names_the_setting(use: Any) -> None:
    use(f"smtp://127.0.0.1:{free_port()}")
    found = doctor.check_system_mail()
    assert not found.healthy
    assert "SYSTEM_EMAIL_URL" in found.detail


def test_a_certificate_that_nobody_vouches_for_is_refused(
    server: Server, use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    use(f"smtp+starttls://post:s%2Fcret@127.0.0.1:{port_of(server)}")
    found = doctor.check_system_mail()
    assert not found.healthy
    assert "certificate" in found.detail.lower()
