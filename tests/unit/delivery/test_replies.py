"""What replies mean; the texts are those of real servers."""

import json
import os
import re
from pathlib import Path

import pytest

from delivery.replies import Kind, classify
from delivery.smtp import Reply, Stage

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpora" / "bounces"


def kind(text: str, stage: Stage = Stage.RCPT) -> str:
    code, _, rest = text.partition(" ")
    return classify(stage, Reply(int(code), [rest.encode()])).kind.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Hard: the address doesn't exist.
        ("550 5.1.1 The email account that you tried to reach does not exist. gsmtp", "hard"),
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", "hard"),
        ("553 5.1.3 <nobody@>: Invalid address", "hard"),
        ("550 5.1.2 bad destination mailbox address", "hard"),
        ("550 5.1.6 recipient no longer on server", "hard"),
        ("550 User unknown", "hard"),
        ("550 No such user here", "hard"),
        ("550 5.2.1 <x@example.jp>... User Unknown", "hard"),
        ("550 <x@ne.jp>: User unknown", "hard"),
        # Soft: the recipient's side has a problem now.
        ("452 4.2.2 The email account that you tried to reach is over quota", "soft"),
        ("552 5.2.2 <x@icloud.com>: user is over quota", "soft"),
        ("550 5.2.2 <x@cr.neko.jp>... Mailbox Full", "soft"),
        ("550 5.1.1 mailbox is full", "soft"),
        ("552 Quota exceeded", "soft"),
        ("451 4.3.0 Temporary lookup failure", "soft"),
        ("450 4.4.1 connection timed out", "soft"),
        ("450 4.1.1 unverified address", "soft"),
        ("451 Requested action aborted: local error in processing", "soft"),
        ("454 4.7.1 Relay access denied", "soft"),
        # Greylisting.
        ("450 4.7.1 <x@example.com>: Recipient address rejected: Greylisted", "greylist"),
        ("451 4.7.1 Greylisting in action, please come back later", "greylist"),
        ("451 Greylisted, please try again in 300 seconds", "greylist"),
        # Throttling.
        ("421 4.7.0 Try again later, closing connection", "throttle"),
        ("421 4.7.28 Our system has detected an unusual rate of unsolicited mail", "throttle"),
        ("450 4.7.28 too much mail from your IP", "throttle"),
        ("450 4.2.1 The user you are trying to contact is receiving mail too quickly", "throttle"),
        ("452 too many emails from your server", "throttle"),
        ("550 Ip frequency limited", "throttle"),
        # The sender's fault.
        ("550 5.7.26 Unauthenticated email from example.org is not accepted due to DMARC policy", "sender_fault"),
        ("550 5.7.515 Access denied, sending domain does not meet the required authentication level", "sender_fault"),
        ("554 5.7.1 Client host rejected: blocked using zen.spamhaus.org", "sender_fault"),
        ("550 5.7.1 Relaying denied", "sender_fault"),
        ("501 5.1.8 Sender address rejected", "sender_fault"),
        ("553 5.1.7 bad sender's mailbox", "sender_fault"),
        ("530 5.7.0 Authentication required", "sender_fault"),
        ("550 DMARC check failed.", "sender_fault"),
        ("550 Bad SPF records for [example.com:192.0.2.1]", "sender_fault"),
        ("554 Blocked - see https://example.com", "sender_fault"),
        ("550 5.1.0 192.0.2.222 is not allowed to send from <example.net> per it's SPF Record", "sender_fault"),
        # Refused for good, and nothing follows for the address.
        ("550 5.7.1 RESOLVER.RST.AuthRequired; authentication required", "rejected"),
        ("525 5.7.13 user account is disabled", "rejected"),
        ("550 5.4.1 Recipient address rejected: Access denied", "rejected"),
        ("554 5.3.4 message too big", "rejected"),
        ("552 5.2.3 Message size exceeds fixed limit", "rejected"),
        ("550 Rejected", "rejected"),
        ("554 5.6.0 malformed message", "rejected"),
        ("250 2.0.0 Ok: queued as 4XyZ", "accepted"),
    ],
)
def test_a_reply_has_its_class(text: str, expected: str) -> None:
    assert kind(text) == expected
    if re.match("[245]", text.partition(" ")[2]) and expected not in ("accepted", "throttle"):
        assert kind(text, Stage.CONTENT) in (expected, "rejected")


def test_an_unknown_address_said_to_mail_is_the_senders() -> None:
    assert kind("550 5.1.1 unknown", Stage.MAIL) == "sender_fault"
    assert kind("550 no such user", Stage.MAIL) == "sender_fault"


def test_words_after_the_content_suppress_nobody() -> None:
    assert kind("550 User unknown", Stage.CONTENT) == "rejected"


@pytest.mark.parametrize("code", [450, 451])
def test_greylisting_is_only_what_the_codes_say(code: int) -> None:
    assert kind(f"{code} 4.7.1 later") == "greylist"
    assert kind("452 4.7.1 later") == "soft"


@pytest.mark.parametrize(
    "detail", ["7.0", "7.1", "7.5", "7.9", "7.20", "7.23", "7.25", "7.26", "7.27", "7.515", "7.606"]
)
def test_security_codes_never_suppress_a_contact(detail: str) -> None:
    assert kind(f"550 5.{detail} refused") == "sender_fault"


def replies_of_the_corpus() -> list[tuple[str, bool, str]]:
    if not CORPUS.is_dir():
        if os.environ.get("CI"):
            pytest.fail("The corpus of bounces is missing.")
        pytest.skip("The corpus of bounces is not here.")
    expected = json.loads((CORPUS / "expected.json").read_text())
    found = []
    for name, truth in expected.items():
        if len(truth["records"]) != 1:
            continue
        record = truth["records"][0]
        text = (CORPUS / "mail" / name).read_text(errors="replace")
        match = re.search(
            r"^Diagnostic-Code: *smtp; *([45][0-9][0-9][ -][^\n]*(?:\n[ \t]+[^\n]*)*)",
            text,
            re.IGNORECASE | re.MULTILINE,
        )
        if match:
            reply = re.sub(r"\s+", " ", match[1].replace("-", " ", 1))
            found.append((reply, record["hard"], record["reason"]))
    return found


def test_real_replies_are_hard_only_where_they_are_and_most_of_those_are_found() -> None:
    found = replies_of_the_corpus()
    assert len(found) > 50
    called_hard = [(reply, hard) for reply, hard, _ in found if kind(reply, Stage.CONTENT) == Kind.HARD]
    wrong = [reply for reply, hard in called_hard if not hard]
    missed = [reply for reply, hard, _ in found if hard and kind(reply, Stage.RCPT) != Kind.HARD]
    assert wrong == []
    assert len(missed) <= 0.25 * sum(hard for _, hard, _ in found), missed
    faults = [reply for reply, _, reason in found if reason in ("authfailure", "requireptr", "blocked", "norelaying")]
    assert faults
    assert {kind(reply, Stage.CONTENT) for reply in faults} <= {
        "sender_fault",
        "throttle",
        "rejected",
        "soft",
        "greylist",
    }
