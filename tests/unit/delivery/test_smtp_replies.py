"""Replies found in a stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.smtp import ProtocolError, Reply, ReplyParser

texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60)
codes = st.integers(200, 599)
replies = st.lists(st.tuples(codes, st.lists(texts, min_size=1, max_size=4)), max_size=6)


def wire(code: int, lines: list[str], end: str = "\r\n") -> bytes:
    *first, last = lines
    return "".join([*(f"{code}-{line}{end}" for line in first), f"{code} {last}{end}"]).encode()


@given(replies, st.sampled_from(["\r\n", "\n"]), st.data())
def test_replies_are_the_same_however_the_stream_is_cut(sent, end: str, data: st.DataObject) -> None:
    stream = b"".join(wire(code, lines, end) for code, lines in sent)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=20)))
    parser = ReplyParser()
    found = [
        reply
        for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for reply in parser.feed(stream[start:stop])
    ]
    assert [(reply.code, reply.lines) for reply in found] == [
        (code, [line.strip() for line in lines]) for code, lines in sent
    ]
    assert parser.is_empty


@given(st.binary(max_size=300))
def test_any_bytes_give_replies_or_a_protocol_error(data: bytes) -> None:
    parser = ReplyParser()
    try:
        for reply in parser.feed(data):
            assert 200 <= reply.code <= 599
            assert isinstance(reply.text, str)
    except ProtocolError as error:
        assert "no SMTP" in str(error) or "without end" in str(error)


def test_a_code_alone_is_a_reply() -> None:
    (reply,) = ReplyParser().feed(b"250\r\n")
    assert (reply.code, reply.text, reply.enhanced) == (250, "", "")


def test_an_enhanced_code_is_read_and_repeated_ones_are_dropped_from_the_text() -> None:
    (reply,) = ReplyParser().feed(b"550-5.1.1 No such\r\n550 5.1.1 user\x07 here\r\n")
    assert reply.enhanced == "5.1.1"
    assert reply.text == "5.1.1 No such user here"
    assert str(reply) == "550 5.1.1 No such user here"


@pytest.mark.parametrize("text", ["4.1.1 of another class", "5.1 too short", "5.1.1x", "", "gsmtp 5.1.1"])
def test_what_only_looks_like_an_enhanced_code_is_none(text: str) -> None:
    assert Reply(550, [text.encode()]).enhanced == ""


def test_a_line_or_reply_without_end_is_an_error() -> None:
    with pytest.raises(ProtocolError):
        ReplyParser().feed(b"2" * 20_000)
    with pytest.raises(ProtocolError):
        ReplyParser().feed(b"250-more\r\n" * 1000)


def test_http_is_not_taken_for_smtp() -> None:
    with pytest.raises(ProtocolError, match="no SMTP"):
        ReplyParser().feed(b"HTTP/1.1 400 Bad Request\r\n\r\n")
