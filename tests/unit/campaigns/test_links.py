import pytest

from campaigns.checking.emails import link_fault


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://example.com:8080/a?b=c#d",
        "mailto:ada@example.com",
        "tel:+4930123",
        "#top",
        "https://localhost/x",
        "https://[2001:db8::1]/x",
        "https://bücher.example/",
    ],
)
def test_links_that_go_somewhere_are_fine(url):
    assert link_fault(url) == ""


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("https://example.com/a b", "space"),
        ("www.example.com", "no https"),
        ("/offer", "no https"),
        ("javascript:alert(1)", "https"),
        ("https://", "no site"),
        ("https:///path", "no site"),
        ("https://intranet/offer", "no public site"),
        ("https://example.com:port/", "can't be read"),
        ("https://[::1/", "can't be read"),
    ],
)
def test_links_that_go_nowhere_are_told(url, fault):
    assert fault in link_fault(url)
