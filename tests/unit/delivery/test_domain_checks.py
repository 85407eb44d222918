"""What the DNS says of a domain, asked of a real name server on loopback."""

import ipaddress
from collections.abc import Sequence

import pytest
from django.conf import settings

from delivery.dkim import Algorithm, generate, record_name, record_text
from delivery.domains.checklist import Item, Level, PublishedKey, Subject, examine
from delivery.domains.dmarc import DmarcError, read_dmarc
from delivery.domains.names import BadRecipientError, domain_of, parents_of
from delivery.domains.resolving import Dns, DnsError
from delivery.domains.spf import SpfError, read_spf, suggest
from tests.plugins.dns import NameServer

PUBLIC = "45.76.1.2"
RSA = generate(Algorithm.RSA)
ED25519 = generate(Algorithm.ED25519)


def ask() -> Dns:
    return Dns(settings.DNS_RESOLVERS)


def items(name: str = "acme.example", keys: Sequence[PublishedKey] = (), hosts: Sequence[str] = ()) -> dict[str, Item]:
    return {item.code: item for item in examine(Subject(name, keys, hosts), ask()).items}


def key(status: str = "active", selector: str = "drumbeat1") -> PublishedKey:
    return PublishedKey(selector, RSA.algorithm, RSA.public, status)


# --- SPF


def test_a_record_is_read_with_all_that_it_includes(name_server: NameServer) -> None:
    name_server.put("acme.example", "TXT", "v=spf1 a mx/24 include:_spf.relay.example ip6:2001:db8::/32 ~all", "other")
    name_server.put("acme.example", "A", "192.0.2.1")
    name_server.put("acme.example", "MX", "10 mx.acme.example.")
    name_server.put("mx.acme.example", "A", "198.51.100.7")
    name_server.put("_spf.relay.example", "TXT", "v=spf1 ip4:203.0.113.0/24 -ip4:10.0.0.1 -all")
    tree = read_spf(ask(), "acme.example")
    assert tree is not None
    assert (tree.lookups, tree.void_lookups) == (3, 0)
    judged = {
        text: tree.record.judge(ipaddress.ip_address(text))
        for text in ("192.0.2.1", "198.51.100.200", "203.0.113.9", "2001:db8::5", "8.8.8.8", "10.0.0.1")
    }
    assert judged == {
        "192.0.2.1": "pass",
        "198.51.100.200": "pass",
        "203.0.113.9": "pass",
        "2001:db8::5": "pass",
        "8.8.8.8": "softfail",
        "10.0.0.1": "softfail",  # an included record's fail is no match, never a fail of ours
    }
    assert tree.record.includes("_spf.relay.example")
    assert tree.record.catch_all == "softfail"


def test_a_redirect_counts_and_stands_in_for_the_record(name_server: NameServer) -> None:
    name_server.put("acme.example", "TXT", "v=spf1 redirect=_spf.acme.example")
    name_server.put("_spf.acme.example", "TXT", "v=spf1 ip4:192.0.2.0/24 -all")
    tree = read_spf(ask(), "acme.example")
    assert tree is not None
    assert tree.lookups == 1
    assert tree.record.judge(ipaddress.ip_address("192.0.2.9")) == "pass"
    assert tree.record.catch_all == "fail"


@pytest.mark.parametrize(
    "records",
    [
        {"acme.example": ["v=spf1 -all", "v=spf1 ~all"]},
        {"acme.example": ["v=spf1 include:nowhere.example -all"]},
        {"acme.example": ["v=spf1 include:acme.example -all"]},
        {"acme.example": ["v=spf1 ip4:300.1.1.1 -all"]},
        {"acme.example": ["v=spf1 ipv4:192.0.2.1 -all"]},
        {"acme.example": ["v=spf1 ip4:2001:db8::1 -all"]},
        {"acme.example": ["v=spf1 include: -all"]},
        {"acme.example": ["v=spf1 redirect=a.example redirect=b.example"]},
    ],
)
def test_a_record_that_every_receiver_rejects_is_an_error(
    name_server: NameServer, records: dict[str, list[str]]
) -> None:
    for name, texts in records.items():
        name_server.put(name, "TXT", *texts)
    with pytest.raises(SpfError):
        read_spf(ask(), "acme.example")
    assert items()["spf"].level is Level.FAULT


def test_eleven_lookups_are_one_too_many(name_server: NameServer) -> None:
    for count, level in ((10, Level.OK), (11, Level.FAULT)):
        includes = [f"include:s{number}.example" for number in range(count)]
        for number in range(count):
            name_server.put(f"s{number}.example", "TXT", f"v=spf1 ip4:192.0.2.{number} -all")
        name_server.put("acme.example", "TXT", " ".join(["v=spf1", *includes, "-all"]))
        assert items()["spf"].level is level, count
    assert "11 lookups" in items()["spf"].found


def test_lookups_that_lead_nowhere_are_limited_too(name_server: NameServer) -> None:
    name_server.put("acme.example", "TXT", "v=spf1 a:x.example a:y.example a:z.example -all")
    assert items()["spf"].level is Level.FAULT


def test_the_server_that_takes_the_mail_must_be_named(name_server: NameServer) -> None:
    name_server.put("smtp.acme.example", "A", PUBLIC)
    name_server.put("acme.example", "TXT", "v=spf1 ip4:192.0.2.0/24 -all")
    found = items(hosts=["smtp.acme.example"])["spf"]
    assert found.level is Level.WARNING
    assert found.publish == [("acme.example", f"v=spf1 ip4:192.0.2.0/24 ip4:{PUBLIC} -all")]
    name_server.put("acme.example", "TXT", f"v=spf1 ip4:{PUBLIC} -all")
    assert items(hosts=["smtp.acme.example"])["spf"].level is Level.OK


def test_a_known_provider_must_be_included(name_server: NameServer) -> None:
    name_server.put("_spf.google.com", "TXT", "v=spf1 ip4:203.0.113.0/24 ~all")
    name_server.put("acme.example", "TXT", "v=spf1 -all")
    assert items(hosts=["smtp.gmail.com"])["spf"].level is Level.FAULT
    name_server.put("acme.example", "TXT", "v=spf1 include:_spf.google.com -all")
    assert items(hosts=["smtp.gmail.com"])["spf"].level is Level.OK


def test_without_a_record_one_is_proposed(name_server: NameServer) -> None:
    found = items(hosts=["smtp.gmail.com", "127.0.0.1"])["spf"]
    assert found.level is Level.FAULT
    assert found.publish == [("acme.example", "v=spf1 include:_spf.google.com ~all")]
    assert suggest("v=spf1 a redirect=x.example", ["ip4:1.2.3.4"]) == "v=spf1 a ip4:1.2.3.4 redirect=x.example"


def test_a_record_that_lets_anybody_send_is_a_fault(name_server: NameServer) -> None:
    name_server.put("acme.example", "TXT", "v=spf1 +all")
    assert items()["spf"].level is Level.FAULT
    name_server.put("acme.example", "TXT", "v=spf1 a:acme.example")
    name_server.put("acme.example", "A", "192.0.2.1")
    assert items()["spf"].level is Level.WARNING


# --- DKIM


def publish(names: NameServer, pair: object = RSA, selector: str = "drumbeat1", **changes: str) -> None:
    text = record_text(pair.algorithm, pair.public)
    for found, put in changes.items():
        text = text.replace(found, put)
    names.put(record_name(selector, "acme.example"), "TXT", text)


def test_a_published_key_is_ours_even_when_it_needs_two_strings(name_server: NameServer) -> None:
    publish(name_server)
    report = examine(Subject("acme.example", [key()]), ask())
    assert report.published == {"drumbeat1"}
    assert {item.code: item for item in report.items}["dkim"].level is Level.OK


@pytest.mark.parametrize(
    "text",
    [
        f"v=DKIM1; k=rsa; p={generate(Algorithm.ED25519).public}",
        f"v=DKIM1; k=ed25519; p={RSA.public}",
        "v=DKIM1; k=rsa; p=",
        f"v=DKIM1; k=rsa; p={RSA.public[:-9]}",
        f"v=DKIM1; k=rsa; t=y; p={RSA.public}",
        f"v=DKIM1; k=rsa; h=sha1; p={RSA.public}",
        f"v=DKIM2; p={RSA.public}",
        f"v=DKIM1; s=tlsrpt; p={RSA.public}",
        f"v=DKIM1; p={RSA.public}; p=x",
        "hello",
    ],
    # Keys are drawn anew in each process, and all processes must know a test by the same name.
    ids=range(10),
)
def test_any_other_record_is_a_fault(name_server: NameServer, text: str) -> None:
    name_server.put("drumbeat1._domainkey.acme.example", "TXT", text)
    report = examine(Subject("acme.example", [key()]), ask())
    assert not report.published
    assert {item.code: item for item in report.items}["dkim"].level is Level.FAULT


def test_white_space_and_the_order_of_tags_do_not_matter(name_server: NameServer) -> None:
    spaced = " ".join(RSA.public[at : at + 40] for at in range(0, len(RSA.public), 40))
    name_server.put("drumbeat1._domainkey.acme.example", "TXT", f"p={spaced} ; k=rsa;v=DKIM1;")
    assert examine(Subject("acme.example", [key()]), ask()).published


def test_a_waiting_key_is_a_warning_a_vanished_one_a_fault(name_server: NameServer) -> None:
    assert items(keys=[key("pending")])["dkim"].level is Level.WARNING
    assert items(keys=[key("active")])["dkim"].level is Level.FAULT
    assert items()["dkim"].level is Level.WARNING
    publish(name_server)
    waiting = key("pending", "drumbeat2")
    found = items(keys=[key(), waiting])["dkim"]
    assert found.level is Level.OK
    assert "drumbeat2._domainkey.acme.example is not published yet" in found.found


# --- DMARC


def test_the_policy_of_a_domain_above_holds(name_server: NameServer) -> None:
    name_server.put(
        "_dmarc.acme.example", "TXT", "v=DMARC1; p=reject; sp=quarantine; adkim=s; rua=mailto:d@acme.example"
    )
    own = read_dmarc(ask(), "acme.example")
    below = read_dmarc(ask(), "news.mail.acme.example")
    assert own is not None
    assert below is not None
    assert (own.action, own.strict_dkim, own.strict_spf) == ("reject", True, False)
    assert (below.action, below.domain) == ("quarantine", "acme.example")
    assert read_dmarc(ask(), "other.example") is None


@pytest.mark.parametrize("texts", [["v=DMARC1; p=none", "v=DMARC1; p=reject"], ["v=DMARC1"], ["v=DMARC1; p=maybe"]])
def test_a_policy_that_receivers_ignore_is_a_fault(name_server: NameServer, texts: list[str]) -> None:
    name_server.put("_dmarc.acme.example", "TXT", *texts)
    with pytest.raises(DmarcError):
        read_dmarc(ask(), "acme.example")
    assert items()["dmarc"].level is Level.FAULT


def test_a_strict_policy_without_a_signature_is_a_warning(name_server: NameServer) -> None:
    assert items()["dmarc"].level is Level.FAULT
    name_server.put("_dmarc.acme.example", "TXT", "v=DMARC1; p=reject")
    assert items()["dmarc"].level is Level.WARNING
    assert items(keys=[key()])["dmarc"].level is Level.OK


# --- MX and PTR


def test_a_domain_must_be_able_to_receive(name_server: NameServer) -> None:
    assert items()["mx"].level is Level.FAULT
    name_server.put("acme.example", "A", "192.0.2.1")
    assert items()["mx"].level is Level.WARNING
    name_server.put("acme.example", "MX", "20 b.acme.example.", "10 a.acme.example.")
    found = items()["mx"]
    assert (found.level, found.found) == (Level.OK, "Replies and bounces go to a.acme.example, b.acme.example.")
    name_server.put("acme.example", "MX", "0 .")
    assert items()["mx"].level is Level.FAULT


def test_a_name_must_lead_back_to_its_address(name_server: NameServer) -> None:
    hosts = [PUBLIC, "127.0.0.1", "smtp.gmail.com"]
    assert items(hosts=hosts)["ptr"].level is Level.WARNING
    name_server.put("2.1.76.45.in-addr.arpa", "PTR", "mail.acme.example.")
    assert "does not lead back" in items(hosts=hosts)["ptr"].found
    name_server.put("mail.acme.example", "A", PUBLIC)
    assert items(hosts=hosts)["ptr"].found == f"{PUBLIC} is mail.acme.example, and back."
    assert "ptr" not in items(hosts=["127.0.0.1"])


# --- The DNS itself


def test_a_name_server_that_fails_makes_things_unknown_not_wrong(name_server: NameServer) -> None:
    name_server.failing |= {"acme.example", "_dmarc.acme.example"}
    found = items()
    assert {found[code].level for code in ("spf", "dmarc", "mx")} == {Level.UNKNOWN}


def test_silence_ends_in_time_and_each_question_is_asked_once(name_server: NameServer) -> None:
    name_server.silent.add("slow.example")
    names = Dns(settings.DNS_RESOLVERS, budget=0.3)
    with pytest.raises(DnsError):
        names.texts("slow.example")
    with pytest.raises(DnsError, match="too slowly"):
        names.texts("another.example")
    quick = ask()
    assert quick.texts("quick.example") == quick.texts("quick.example") == []
    assert name_server.asked.count(("quick.example", "TXT")) == 1


def test_what_is_no_name_is_not_there(name_server: NameServer) -> None:
    assert ask().texts(f"{'a' * 64}.example") == ask().texts("a..b") == []


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("Ada@ACME.Example", "acme.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("acme.example.", "acme.example"),
    ],
)
def test_a_domain_is_known_by_its_ascii_name(given: str, name: str) -> None:
    assert domain_of(given) == name


@pytest.mark.parametrize("given", ["localhost", "", "a b.example", "ada@", "x" * 300 + ".example"])
def test_what_is_no_domain_is_refused(given: str) -> None:
    with pytest.raises(BadRecipientError):
        domain_of(given)


def test_the_walk_to_the_policy_stops_below_the_top() -> None:
    assert parents_of("a.b.acme.example") == ["b.acme.example", "acme.example"]
    assert parents_of("acme.example") == []
    assert len(parents_of(".".join("abcdefghijklm"))) == 7
