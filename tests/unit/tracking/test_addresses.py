import pytest

from tracking.addresses import TrustedProxies


@pytest.fixture
def proxies():
    return TrustedProxies(["10.0.0.0/8", "127.0.0.1", "::1"])


@pytest.mark.parametrize(
    ("peer", "header", "client"),
    [
        ("198.51.100.4", b"", "198.51.100.4"),
        ("198.51.100.4", b"203.0.113.9", "198.51.100.4"),
        ("10.1.2.3", b"203.0.113.9", "203.0.113.9"),
        ("10.1.2.3", b"192.0.2.66, 203.0.113.9", "203.0.113.9"),
        ("10.1.2.3", b"192.0.2.66, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("10.1.2.3", b"10.0.0.7, 10.0.0.8", "10.0.0.7"),
        ("", b"203.0.113.9", "203.0.113.9"),
        ("", b"", ""),
        ("::1", b"2001:db8::5", "2001:db8::5"),
        ("10.1.2.3", b"[2001:db8::5]:4711", "2001:db8::5"),
        ("10.1.2.3", b"203.0.113.9:4711", "203.0.113.9"),
        ("10.1.2.3", b"unknown", "10.1.2.3"),
        ("10.1.2.3", b"203.0.113.9, <script>", "10.1.2.3"),
        ("10.1.2.3", b"\xff\xfe", "10.1.2.3"),
        ("::ffff:10.1.2.3", b"203.0.113.9", "203.0.113.9"),
        ("a peer", b"203.0.113.9", "a peer"),
    ],
)
def test_the_header_is_believed_from_trusted_proxies_alone(proxies, peer, header, client):
    assert proxies.client(peer, header) == client


def test_without_trusted_proxies_nobody_is_believed():
    assert TrustedProxies([]).client("127.0.0.1", b"203.0.113.9") == "127.0.0.1"
