"""Messages as octets, read back by the standard library's parser."""

import email
import email.policy
import re
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import tokens
from delivery.compose import BadRecipientError, ComposeError, Composer, Recipient, wire_address
from delivery.compose.bodies import encode_text, stuff_dots
from delivery.compose.composer import Places, Sender
from delivery.compose.headers import mailbox, unstructured
from templates_lib.rendering import compile_email

NOW = datetime(2026, 10, 5, 10, 0, tzinfo=UTC)
PLACES = Places("https://mail.example.org", "https://t.example.org")
HTML = '<html><body><p>Hello {{ firstName | default: "there" }}</p><a href="https://shop.example/{{ city }}">Shop</a></body></html>'
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def sender(**changes) -> Sender:
    values = {
        "workspace_id": 3,
        "workspace_slug": "acme",
        "mailbox_id": 7,
        "name": "Ada at Acme",
        "email": "ada@acme.example",
        "reply_to": "",
        "workspace": {"name": "Acme"},
    }
    return Sender(**{**values, **changes})


def composer(*, source: str = HTML, kind: str = "html", subject: str = "Hi {{ firstName }}", **options) -> Composer:
    made = options.pop("sender", sender())
    return Composer(
        mailing_id=42,
        compiled=compile_email(format=kind, subject=subject, source=source),
        sender=made,
        places=PLACES,
        context={"campaign": {"name": "October"}},
        track_opens=options.pop("track_opens", True),
        track_clicks=options.pop("track_clicks", True),
    )


def recipient(**changes) -> Recipient:
    values = {
        "message_id": 11,
        "contact_id": 5,
        "key": "e5:step:0",
        "email": "grace@example.com",
        "name": "Grace Hopper",
        "tracking": "individual",
        "fields": {"firstName": "Grace", "city": "york"},
    }
    return Recipient(**{**values, **changes})


def parse(content: bytes) -> EmailMessage:
    assert content.endswith(b"\r\n.\r\n")
    assert not re.search(rb"[^\r]\n|\r[^\n]", content), "only CRLF"
    assert max(map(len, content.split(b"\r\n"))) <= 998
    body = content.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
    return email.message_from_bytes(body, policy=email.policy.default)


def part(message: EmailMessage, subtype: str) -> str:
    body = message.get_body((subtype,))
    assert body is not None
    return body.get_content()


def test_a_message_has_what_receivers_ask_of_bulk_mail() -> None:
    envelope = composer().compose(recipient(), now=NOW, eight_bit=False)
    message = parse(envelope.content)
    unsubscribe = f"<https://mail.example.org/u/{tokens.unsubscribe_token(3, 5, 11)}>"
    assert message["From"] == "Ada at Acme <ada@acme.example>"
    assert message["To"] == "Grace Hopper <grace@example.com>"
    assert message["Subject"] == "Hi Grace"
    assert message["Date"].datetime == NOW
    assert message["List-Unsubscribe"] == unsubscribe
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == "Acme <acme.acme.example>"
    assert message["Feedback-ID"] == "42:7:campaign:acme"
    assert message["MIME-Version"] == "1.0"
    assert "Reply-To" not in message
    assert message.get_content_type() == "multipart/alternative"
    assert [p.get_content_type() for p in message.iter_parts()] == ["text/plain", "text/html"]
    assert "Hello Grace" in part(message, "plain")
    assert "Hello Grace" in part(message, "html")
    assert (envelope.sender, envelope.recipient) == ("ada@acme.example", "grace@example.com")


def test_the_message_id_follows_from_workspace_and_key_alone() -> None:
    first = parse(composer().compose(recipient(), now=NOW, eight_bit=False).content)["Message-ID"]
    again = parse(composer().compose(recipient(message_id=99), now=NOW, eight_bit=True).content)["Message-ID"]
    other = parse(composer().compose(recipient(key="e6:step:0"), now=NOW, eight_bit=False).content)["Message-ID"]
    assert first == again != other
    assert first.endswith("@acme.example>")


def test_links_and_pixel_are_tracked_by_tokens_and_links_are_given_once_to_be_stored() -> None:
    made = composer()
    html = part(parse(made.compose(recipient(), now=NOW, eight_bit=False).content), "html")
    link = tokens.link_id(42, "https://shop.example/york")
    assert f"https://t.example.org/l/{tokens.link_token(11, link)}" in html
    assert f"https://t.example.org/o/{tokens.open_token(11)}" in html
    trap = tokens.link_id(42, "https://mail.example.org/?for=machines")
    assert made.take_links() == {
        link: ("https://shop.example/york", "https://shop.example/{{ city }}"),
        trap: ("https://mail.example.org/?for=machines", "honeypot:"),
    }
    hidden = re.search(
        r'<a href="https://t\.example\.org/l/([^"]+)" aria-hidden="true" tabindex="-1" [^>]+></a><img', html
    )
    assert hidden is not None
    assert tokens.read_link_token(hidden[1]).link_id == trap
    made.compose(recipient(message_id=12), now=NOW, eight_bit=False)
    assert made.take_links() == {}


def test_the_systems_own_pages_are_linked_and_never_tracked() -> None:
    source = '<a href="{{ preferencesUrl }}">p</a><a href="{{ viewUrl }}">v</a><a href="{{ unsubscribeUrl }}">u</a>'
    made = composer(source=source)
    html = part(parse(made.compose(recipient(), now=NOW, eight_bit=False).content), "html")
    assert f"https://mail.example.org/p/{tokens.preferences_token(3, 5, 11)}" in html
    assert f"https://mail.example.org/v/{tokens.view_token(11)}" in html
    assert f"https://mail.example.org/u/{tokens.unsubscribe_token(3, 5, 11)}" in html
    assert made.take_links() == {}


def test_a_contact_that_wants_no_tracking_gets_plain_links_and_no_pixel() -> None:
    content = composer().compose(recipient(tracking="off"), now=NOW, eight_bit=False).content
    html = part(parse(content), "html")
    assert "https://shop.example/york" in html
    assert "t.example.org" not in html


def test_plain_text_mail_is_one_part() -> None:
    made = composer(source="Hello {{ firstName }}\n.\n..\n{{ unsubscribeUrl }}", kind="text")
    message = parse(made.compose(recipient(), now=NOW, eight_bit=False).content)
    assert message.get_content_type() == "text/plain"
    text = message.get_content().replace("\r\n", "\n")
    assert text.startswith("Hello Grace\n.\n..\nhttps://mail.example.org/u/")


def test_a_contact_that_breaks_the_template_is_told_apart() -> None:
    made = composer(source="{{ 5 | divided_by: zero }}", kind="text")
    with pytest.raises(ComposeError):
        made.compose(recipient(fields={"zero": 0}), now=NOW, eight_bit=False)


@given(anything, anything, anything)
def test_no_name_or_subject_can_add_a_header(name: str, first: str, sender_name: str) -> None:
    made = composer(sender=sender(name=sender_name), subject="{{ firstName }}")
    content = made.compose(recipient(name=name, fields={"firstName": first}), now=NOW, eight_bit=True).content
    head = content.partition(b"\r\n\r\n")[0].decode("ascii")
    names = [line.partition(":")[0] for line in head.split("\r\n") if not line.startswith(" ")]
    assert names == [
        "From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id",
        "Feedback-ID", "MIME-Version", "Content-Type",
    ]  # fmt: skip
    assert parse(content)["From"].addresses[0].addr_spec == "ada@acme.example"
    assert parse(content)["To"].addresses[0].addr_spec == "grace@example.com"


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=300))
def test_a_subject_is_read_back_as_it_was(subject: str) -> None:
    field = "Subject: " + unstructured(subject, column=9)
    assert all(len(line) <= 76 or " " not in line.strip() for line in field.split("\r\n"))
    message = email.message_from_string(field + "\r\n\r\n", policy=email.policy.default)
    assert str(message["Subject"]).split() == subject.split()


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), min_size=1, max_size=120))
def test_a_display_name_is_read_back_as_it_was(name: str) -> None:
    field = "To: " + mailbox(name, "grace@example.com", column=4)
    assert all(len(line) <= 78 for line in field.split("\r\n"))
    message = email.message_from_string(field + "\r\n\r\n", policy=email.policy.compat32)
    shown, address = parseaddr(message["To"])
    assert address == "grace@example.com"
    assert str(make_header(decode_header(shown))) == name


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=2000), st.booleans())
def test_a_body_is_read_back_as_it_was(text: str, eight_bit: bool) -> None:
    body = encode_text(text, eight_bit=eight_bit)
    head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {body.encoding}\r\n\r\n"
    message = email.message_from_bytes(head.encode() + body.content, policy=email.policy.default)
    decoded = message.get_payload(decode=True)
    assert isinstance(decoded, bytes)
    assert decoded.replace(b"\r\n", b"\n").decode() == text
    limit = 76 if body.encoding in ("quoted-printable", "base64") else 998
    assert max(map(len, body.content.split(b"\r\n"))) <= limit
    assert body.encoding in ("7bit", "quoted-printable", "base64", "8bit" if eight_bit else "7bit")
    if body.encoding != "8bit":
        assert body.content.isascii()


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"", b".\r", b"b."]), min_size=1))
def test_stuffed_dots_come_off_again_and_no_line_is_a_lone_dot(lines: list[bytes]) -> None:
    message = b"Subject: x\r\n" + b"\r\n".join(lines)
    stuffed = stuff_dots(message)
    assert b"\r\n.\r\n" not in stuffed
    assert stuffed.replace(b"\r\n..", b"\r\n.") == message


def test_international_addresses_go_on_the_wire_as_they_can() -> None:
    assert wire_address("grace@bücher.example") == ("grace@xn--bcher-kva.example", False)
    assert wire_address("jösé@bücher.example") == ("jösé@xn--bcher-kva.example", True)
    assert wire_address("o'hara+x@example.com") == ("o'hara+x@example.com", False)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a@",
        "@b",
        "a@b\r\nRCPT TO:<x@y>",
        "a@b>",
        "a b@c.example",
        "a\0@b.example",
        "a@b c",
        "<a@b.example>",
        "ä\u2028@b.example",
    ],
)
def test_what_is_no_address_never_gets_to_the_wire(address: str) -> None:
    with pytest.raises(BadRecipientError):
        wire_address(address)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_wire_address_holds_nothing_that_ends_a_path_or_line(local: str, domain: str) -> None:
    try:
        address, _ = wire_address(f"{local}@{domain}")
    except BadRecipientError:
        return
    assert not re.search(r"[\x00-\x20\x7f<>]", address)
