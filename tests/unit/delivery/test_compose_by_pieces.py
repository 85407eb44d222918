"""Messages put together from encoded pieces say what python-liquid renders, in lines that every server takes."""

import email
import email.policy
import re
import time
from binascii import a2b_qp
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from benchmarks._mail import SOURCE, SUBJECT, attributes
from delivery.compose import ComposeError, Composer
from delivery.compose.bodies import encode_text, has_long_line, stuff_dots, unstuff_dots
from delivery.compose.composer import Places
from delivery.compose.encodings import PLAIN, QUOTED_PRINTABLE, full_quoted, full_value, quoted
from templates_lib.rendering import CompiledEmail, RenderError, TemplateError, compile_email, text
from templates_lib.rendering.environment import RenderState, plain
from templates_lib.rendering.links import SYSTEM_URLS
from tests.unit.delivery.test_compose import PLACES, recipient, sender
from tests.unit.templates_lib import liquid_grammar as grammar

NOW = datetime(2026, 10, 5, 10, 0, tzinfo=UTC)
FIELDS: dict[str, Any] = {"firstName": "Grace", "company": "Hopper & <Sons>", **attributes(3)}
PAGES = {"workspace": {"address": "1 Street"}, "unsubscribeUrl": "https://m.example/u/1"}


class Expecting(Composer):
    """Remembers what the templates were filled with, to have python-liquid fill them in too."""

    def begin(self, *args: Any) -> Any:
        begin = self._compiled.begin

        class Watched:
            fields = self._compiled.fields

            @staticmethod
            def begin(values: Mapping[str, Any], **options: Any) -> Any:
                self.context, self.options = values, options
                return begin(values, **options)

        compiled, self._compiled = self._compiled, Watched  # type: ignore[assignment]
        try:
            return super().begin(*args)
        finally:
            self._compiled = compiled

    def expected(self, part: Literal["source", "text_source"]) -> str:
        values = plain(self.context)
        urls = {str(values[name]) for name in SYSTEM_URLS if values.get(name)}
        state = RenderState(
            self.options["link"],
            pixel_url=self.options["pixel_url"],
            trap_url=self.options.get("trap_url", ""),
            untracked=frozenset(urls),
            deadline=time.perf_counter() + 9,
        )
        rendered = self._compiled.parts[part].render_state(values, state)
        return text.tidy(rendered) if part == "text_source" and self._compiled.tidies_text else rendered


TRACKING_URL = "https://t.example"
# Links to it have to be escaped, and encoded where the mail is to be ASCII.
ODD_TRACKING_URL = "https://t.example/ü?a='b'&to="


def composer(compiled: CompiledEmail, tracking_url: str = TRACKING_URL) -> Expecting:
    return Expecting(
        mailing_id=42, compiled=compiled, sender=sender(), places=Places("https://m.example", tracking_url),
        context={}, track_opens=True, track_clicks=True,
    )  # fmt: skip


def check(
    compiled: CompiledEmail, fields: dict[str, Any], *, eight_bit: bool, tracking_url: str = TRACKING_URL
) -> list[str]:
    """Compose, compare with python-liquid, and return the transfer encodings."""
    made = composer(compiled, tracking_url)
    try:
        envelope = made.compose(recipient(fields=fields), now=NOW, eight_bit=eight_bit)
    except ComposeError:
        with pytest.raises(Exception):  # noqa: B017 - python-liquid's filters raise many kinds
            [made.expected("source"), made.expected("text_source")]
        return []
    content = envelope.content
    assert content.endswith(b"\r\n.\r\n")
    assert b"\r\n.\r\n" not in content[:-3]
    assert not re.search(rb"\r\n\.[^.]", content[:-3]), "each dot at the beginning of a line is doubled"
    assert not re.search(rb"[^\r]\n|\r[^\n]|\0", content)
    message = email.message_from_bytes(unstuff_dots(content[:-3]), policy=email.policy.default)
    parts: list[tuple[EmailMessage, Literal["source", "text_source"]]] = [(message, "text_source")]
    if compiled.format != "text":
        first, second = message.iter_parts()
        assert isinstance(first, EmailMessage)
        assert isinstance(second, EmailMessage)
        parts = [(first, "text_source"), (second, "source")]
    encodings = []
    for part, name in parts:
        encoding = str(part["Content-Transfer-Encoding"])
        encodings.append(encoding)
        raw = part.get_payload(decode=True)
        assert isinstance(raw, bytes)
        expected = made.expected(name)
        decoded = raw.replace(b"\r\n", b"\n").decode()
        if compiled.format == "text":
            decoded, expected = decoded.removesuffix("\n"), expected.removesuffix("\n")
        assert decoded == expected
        written = part.get_payload()
        assert isinstance(written, str)
        lines = str(written).encode("utf-8", "surrogateescape").splitlines()
        assert max(map(len, lines), default=0) <= (998 if encoding in {"7bit", "8bit"} else 76)
        assert (encoding in {"7bit", "quoted-printable", "base64"}) or eight_bit
        if encoding in {"7bit", "8bit"}:
            assert (encoding == "7bit") == expected.isascii()
    assert envelope.eight_bit == ("8bit" in encodings)
    return encodings


@settings(max_examples=80, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(
    grammar.templates,
    grammar.contexts,
    st.sampled_from(["html", "html", "text"]),
    st.booleans(),
    st.sampled_from([TRACKING_URL, ODD_TRACKING_URL]),
)
def test_random_mail_is_read_back_as_python_liquid_renders_it(
    source: str, fields: dict[str, Any], kind: str, eight_bit: bool, tracking_url: str
) -> None:
    try:
        compiled = compile_email(format=kind, subject="s", source=source)
    except TemplateError:
        assume(False)
    check(compiled, fields, eight_bit=eight_bit, tracking_url=tracking_url)


NEWSLETTER = (
    "<html><body>\n<p>Hällo {{ firstName }},</p>\n{% if plan %}<p>Ünd {{ plan }}.</p>{% endif %}\n"
    "<ul>{% for item in items %}\n<li>{{ item.title }} <a href='{{ item.url }}'>x</a></li>{% endfor %}</ul>\n"
    "<p>.{{ city }}. </p>\n.{{ city }}\n{{ city }}.\n<p>" + "lang " * 300 + "</p></body></html>"
)
hard = st.text(st.sampled_from("ab .\n\r\té東🎉=-_%\u2028\xa0\x85<&\"'"), max_size=90)


@settings(max_examples=150)
@given(st.lists(hard, min_size=5, max_size=5), st.integers(0, 4), st.sampled_from([SOURCE, NEWSLETTER]), st.booleans())
def test_whatever_a_contact_is_called_the_mail_says_it(
    values: list[str], count: int, source: str, eight_bit: bool
) -> None:
    name, company, city, title, url = values
    items = [{"title": title, "price": name, "url": f"https://x.example/{url}"}] * count
    fields = {"firstName": name, "company": company, "city": city, "plan": city, "items": items}
    check(_COMPILED[source], fields, eight_bit=eight_bit)


_COMPILED = {source: compile_email(format="html", subject=SUBJECT, source=source) for source in (SOURCE, NEWSLETTER)}


def test_ordinary_mail_goes_by_pieces() -> None:
    for source, encoding in ((SOURCE, PLAIN), (NEWSLETTER, PLAIN), (NEWSLETTER, QUOTED_PRINTABLE)):
        rendering = _COMPILED[source].begin(
            {**FIELDS, **PAGES},
            link=lambda _, url: url,
            pixel_url="https://t.example/o",
            trap_url="https://t.example/l",
        )
        assert rendering.octets("source", encoding) is not None
        assert rendering.octets("text_source", encoding) is not None


def test_what_was_captured_goes_by_pieces_too() -> None:
    source = "{% capture note %}\n<p>Näte {{ firstName }}.</p>\n{% endcapture %}<html><body>{{ note }}<p>x</p>{{ note }}</body></html>"
    compiled = compile_email(format="html", subject="s", source=source)
    rendering = compiled.begin({**FIELDS, **PAGES})
    assert rendering.octets("source", PLAIN) is not None
    assert rendering.octets("source", QUOTED_PRINTABLE) is not None
    for eight_bit in (True, False):
        check(compiled, FIELDS, eight_bit=eight_bit)


@pytest.mark.parametrize("source", [SOURCE, NEWSLETTER], ids=["ascii", "beyond"])
@pytest.mark.parametrize("eight_bit", [True, False])
def test_a_tracking_url_with_odd_characters_is_escaped_and_encoded(source: str, *, eight_bit: bool) -> None:
    check(_COMPILED[source], FIELDS, eight_bit=eight_bit, tracking_url=ODD_TRACKING_URL)


def test_the_encoding_follows_from_text_and_server() -> None:
    assert check(_COMPILED[SOURCE], FIELDS, eight_bit=False) == ["7bit", "7bit"]
    assert check(_COMPILED[SOURCE], {**FIELDS, "city": "Zürich"}, eight_bit=True) == ["8bit", "8bit"]
    assert check(_COMPILED[SOURCE], {**FIELDS, "city": "Zürich"}, eight_bit=False) == ["quoted-printable"] * 2
    assert check(_COMPILED[NEWSLETTER], FIELDS, eight_bit=False) == ["quoted-printable"] * 2
    assert check(_COMPILED[NEWSLETTER], FIELDS, eight_bit=True) == ["quoted-printable"] * 2  # its lines are too long
    foreign = compile_email(format="text", subject="s", source="Привет, {{ firstName }}! Как дела?\n" * 9)
    assert check(foreign, FIELDS, eight_bit=True) == ["8bit"]
    assert check(foreign, FIELDS, eight_bit=False) == ["base64"]
    assert check(foreign, {"firstName": "x" * 2000}, eight_bit=True)[0] in {"quoted-printable", "base64"}


@given(st.lists(st.one_of(hard, st.text(max_size=200)), max_size=6))
def test_quoted_pieces_join_to_the_text_in_short_lines(pieces: list[str]) -> None:
    try:
        octets = "".join(quoted(piece) for piece in pieces)
    except UnicodeEncodeError:
        assume(False)
    lines = octets.split("\r\n")
    assert max(map(len, lines)) <= 76
    assert not any(line.startswith(".") and not line.startswith("..") for line in lines)
    message = email.message_from_bytes(
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + unstuff_dots(octets.encode("ascii"))
    )
    raw = message.get_payload(decode=True)
    assert isinstance(raw, bytes)
    expected = "".join(piece.replace("\r\n", "\n").replace("\r", "\n") for piece in pieces)
    assert raw.replace(b"\r\n", b"\n").decode() == expected


@pytest.mark.parametrize("width", range(70, 80))
@pytest.mark.parametrize("end", [" ", "\t", "é ", " \n", "\t\nx"])
def test_white_space_at_the_end_of_a_full_line_makes_it_no_wider(width: int, end: str) -> None:
    for text_ in ("a" * width + end, "é" + "a" * (width - 6) + end):
        assert max(map(len, quoted(text_).split("\r\n"))) <= 76
        body = encode_text("x" * 1000 + "\n" + text_, eight_bit=False)
        assert max(map(len, body.content.split(b"\r\n"))) <= 76
        assert a2b_qp(body.content).decode().replace("\r\n", "\n") == "x" * 1000 + "\n" + text_


def test_a_value_that_tidying_would_change_is_not_encoded_alone() -> None:
    for value in ("", " a", "a ", "a\n", "a \r\nb", "a\t\nb", "a\r\r\rb", "a\xa0"):
        with pytest.raises(ValueError):
            full_quoted(value)
        with pytest.raises(ValueError):
            full_value(value)
    assert full_value("1 Street\r\nTown\n\nÖ") == "1 Street\r\nTown\r\n\r\nÃ\x96"


@given(st.lists(st.sampled_from(["a", " ", "\n", "\t", "\n\n", " \n", "b.", "\xa0", "\x85"]), max_size=12))
def test_tidying_pieces_first_changes_nothing_of_the_whole(pieces: list[str]) -> None:
    assert text.tidy("".join(map(text.tidy_inside, pieces))) == text.tidy("".join(pieces))
    tidy = text.tidy("".join(pieces))
    assert tidy == text.tidy(tidy)
    assert "\n\n\n" not in tidy
    assert not re.search(r"[ \t]\n", tidy)


@given(st.lists(st.sampled_from([b"a" * 997, b"b" * 998, b"c" * 999, b"\r\n", b"d", b"." * 500]), max_size=8))
def test_a_long_line_is_found(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    assert has_long_line(content) == (max(map(len, content.split(b"\r\n"))) > 998)


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"\r\n", b"\r\n."]), max_size=9))
def test_dots_come_off_as_they_went_on(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    assert unstuff_dots(stuff_dots(content)) == content


def test_a_signature_covers_the_header_and_the_body_as_receivers_get_them() -> None:
    seen: list[tuple[bytes, bytes]] = []

    def sign(header: bytes, body: bytes, at: datetime) -> bytes:
        seen.append((header, body))
        assert at == NOW
        return b"DKIM-Signature: v=1\r\n"

    made = Composer(
        mailing_id=1, compiled=compile_email(format="text", subject="s", source=".{{ firstName }}\n.b\n"), sender=sender(),
        places=PLACES, context={}, track_opens=True, track_clicks=True, sign=sign,
    )  # fmt: skip
    content = made.compose(recipient(), now=NOW, eight_bit=True).content
    ((header, body),) = seen
    assert body == b".Grace\r\n.b\r\n"
    assert header.startswith(b"From: ")
    assert header.endswith(b"Content-Transfer-Encoding: 7bit\r\n")
    assert content == b"DKIM-Signature: v=1\r\n" + header + b"\r\n..Grace\r\n..b\r\n.\r\n"


def test_a_contact_that_breaks_the_template_is_told_with_the_place() -> None:
    compiled = compile_email(format="html", subject="s", source="<p>x</p>\n<p>{{ 1 | divided_by: zero }}</p>")
    with pytest.raises(RenderError) as expected:
        compiled.empty_fields({"zero": 0})
    with pytest.raises(ComposeError, match=re.escape(str(expected.value))):
        composer(compiled).compose(recipient(fields={"zero": 0}), now=NOW, eight_bit=True)
