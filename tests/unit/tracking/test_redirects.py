from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.redirects import UnsafeTargetError, location_of


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://example.com/", b"https://example.com/"),
        (" https://example.com/a?b=c&d=%20#e ", b"https://example.com/a?b=c&d=%20#e"),
        ("http://example.com/Übersicht?q=ä b", b"http://example.com/%C3%9Cbersicht?q=%C3%A4%20b"),
        ("https://bücher.example/x", b"https://xn--bcher-kva.example/x"),
        ("https://user@example.com:8443/x", b"https://user@example.com:8443/x"),
        ('https://example.com/"><script>', b"https://example.com/%22%3E%3Cscript%3E"),
        ("HTTPS://example.com/", b"https://example.com/"),
    ],
)
def test_a_web_address_is_followed_in_its_escaped_form(url, location):
    assert location_of(url) == location


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://example.com/",
        "mailto:a@example.com",
        "//example.com/",
        "/relative",
        "",
        "https://",
        "https:///path",
        "https://example.com/\r\nSet-Cookie: a=b",
        "https://example.com/\x00",
        "java\nscript:alert(1)",
        "https://[::1/",
    ],
)
def test_anything_else_is_refused(url):
    with pytest.raises(UnsafeTargetError):
        location_of(url)


@given(st.text(max_size=60), st.sampled_from(["", "https://", "http://example.com/", "https://example.com/?"]))
def test_no_url_ever_breaks_out_of_the_header(text, start):
    try:
        location = location_of(start + text)
    except UnsafeTargetError:
        return
    assert location.isascii()
    assert all(0x20 < byte < 0x7F for byte in location)
    assert urlsplit(location).scheme in (b"http", b"https")
