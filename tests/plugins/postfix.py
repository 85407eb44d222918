"""A real Postfix on loopback: a server that mail is handed to, which refuses some and passes the rest on.

Root and the programs are needed (`make test` installs Postfix where it can); tests that want it are skipped otherwise, with
the reason. Nothing under /etc is read or changed. With opendkim installed it verifies what it takes, as receivers do, and
notes its verdict in the header.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from delivery.dkim import Algorithm, KeyPair, generate, record_name, record_text
from tests.plugins.mail import ReceivedMail, SmtpSink, SmtpSinkHandler, free_port

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
START_SECONDS = 30
ARRIVAL_SECONDS = 60
DOMAIN = "acme.example"
# What real servers say, by the recipient.
REFUSALS = {
    "gone@strict.test": "550 5.1.1 User unknown",
    "full@strict.test": "452 4.2.2 Mailbox full",
    "grey@strict.test": "450 4.7.1 Greylisted, try again later",
    "throttle@strict.test": "421 4.7.28 Unusual rate of unsolicited mail, temporarily rate limited",
    "block@strict.test": "550 5.7.1 Blocked using bl.example",
    "auth@strict.test": "550 5.7.515 The sending domain does not meet the required authentication level",
    "policy@strict.test": "554 5.7.9 Message not accepted for policy reasons",
}

_MAIN = """
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log/postfix.log
maillog_file_prefixes = {folder}/log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_bind_address = 127.0.0.1
myhostname = mx.postfix.test
mydestination =
mynetworks = 127.0.0.0/8
local_recipient_maps =
relay_domains = example.com
relay_recipient_maps =
transport_maps = inline:{{ example.com=smtp:[127.0.0.1]:{onward} }}
default_transport = error:5.1.2 nothing leaves this machine
relayhost =
disable_dns_lookups = yes
smtp_dns_support_level = disabled
smtp_tls_security_level = none
smtpd_recipient_restrictions = check_recipient_access inline:{{ {refusals} }}, permit_mynetworks, reject
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_delay_reject = yes
smtpd_milters = {milters}
milter_default_action = tempfail
smtpd_client_connection_count_limit = 0
"""
_MASTER = """
127.0.0.1:{port} inet n - n - 20 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 5 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
showq unix n - n - - showq
"""


@dataclass
class Postfix:
    """The server on `port`; what it passes on arrives in `sink`. `verifies`: opendkim looks at `pairs`' signatures."""

    port: int
    sink: SmtpSink
    pairs: dict[str, KeyPair]
    verifies: bool

    def arrived(self, address: str) -> ReceivedMail:
        """Wait for the message to an address and return it."""
        return wait_for(lambda: next(iter(self.sink.sent_to(address)), None), f"mail to {address}", ARRIVAL_SECONDS)


def wait_for[Found](look: Callable[[], Found | None], what: str, seconds: float) -> Found:
    """Look until something is found; fails when that takes too long."""
    ends = time.monotonic() + seconds
    while (found := look()) is None:
        if time.monotonic() > ends:
            pytest.fail(f"No {what} within {seconds} seconds.")
        time.sleep(0.05)
    return found


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": PATH}, check=False)
    if done.returncode:
        pytest.fail(f"{' '.join(command)}: {done.stdout}{done.stderr}")


def _daemons() -> Path | None:
    folders = (Path("/usr/lib/postfix/sbin"), Path("/usr/libexec/postfix"))
    return next((folder for folder in folders if (folder / "master").exists()), None)


def _configure(folder: Path, daemons: Path, port: int, onward: int, milters: str) -> None:
    for name in ("etc/dynamicmaps.cf.d", "etc/postfix-files.d", "queue", "data", "log"):
        (folder / name).mkdir(parents=True)
    shutil.chown(folder / "data", "postfix")
    (folder / "etc/dynamicmaps.cf").touch()
    for source in (Path("/etc/postfix/postfix-files"), Path("/usr/share/postfix/postfix-files")):
        if source.exists():
            shutil.copy(source, folder / "etc")
            break
    refusals = ", ".join(f"{{ {address} = {reply} }}" for address, reply in REFUSALS.items())
    main = _MAIN.format(folder=folder, daemons=daemons, onward=onward, refusals=refusals, milters=milters)
    (folder / "etc/main.cf").write_text(main)
    (folder / "etc/master.cf").write_text(_MASTER.format(port=port))


def _verifier(folder: Path, pairs: dict[str, KeyPair]) -> tuple[str, subprocess.Popen[bytes]] | None:
    """Start opendkim, which gets the public keys from a file instead of the DNS; None where it isn't installed."""
    program = shutil.which("opendkim", path=PATH)
    if program is None:
        return None
    port = free_port()
    records = [
        f"{record_name(name, DOMAIN)} {record_text(pair.algorithm, pair.public)}" for name, pair in pairs.items()
    ]
    (folder / "keys").write_text("\n".join(records) + "\n")
    settings = f"Mode v\nSocket inet:{port}@127.0.0.1\nTestPublicKeys {folder}/keys\nAlwaysAddARHeader yes\n"
    settings += "AuthservID mx.postfix.test\nSyslog no\nUserID nobody\n"
    (folder / "opendkim.conf").write_text(settings)
    process = subprocess.Popen(
        [program, "-f", "-x", str(folder / "opendkim.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return f"inet:127.0.0.1:{port}", process


def _answers(port: int) -> bool | None:
    import socket

    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(3) == b"220" or None
    except OSError:
        return None


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    """Run Postfix for the tests of one module."""
    daemons = _daemons()
    if daemons is None:
        pytest.skip("Postfix is not installed: apt-get install postfix")
    if os.geteuid():
        pytest.skip("Postfix can be started by root alone.")
    folder = Path(tempfile.mkdtemp(prefix="drumbeat-postfix-"))
    folder.chmod(0o755)  # its parts run as other users
    sink = SmtpSink("127.0.0.1", free_port())
    controller = Controller(SmtpSinkHandler(sink), hostname=sink.host, port=sink.port, enable_SMTPUTF8=True)
    pairs = {"drumbeat1": generate(Algorithm.RSA), "drumbeat1e": generate(Algorithm.ED25519)}
    verifier = _verifier(folder, pairs)
    server = Postfix(free_port(), sink, pairs, verifies=verifier is not None)
    controller.start()
    try:
        _configure(folder, daemons, server.port, sink.port, verifier[0] if verifier else "")
        _run("postfix", "-c", str(folder / "etc"), "start")
        wait_for(lambda: _answers(server.port), f"answer of Postfix on port {server.port}", START_SECONDS)
        yield server
    finally:
        subprocess.run(
            ["postfix", "-c", str(folder / "etc"), "stop"],
            capture_output=True,
            env={**os.environ, "PATH": PATH},
            check=False,
        )
        if verifier:
            verifier[1].terminate()
            verifier[1].wait(timeout=20)
        controller.stop(no_assert=True)
        shutil.rmtree(folder, ignore_errors=True)
