"""What the DNS should say of a domain that mail comes from, looked up and put in words: one item a subject.

Pure but for the questions to the DNS; knows no database.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple, Self

from delivery.dkim import Algorithm, RecordError, parse_record, record_name, record_text
from delivery.domains.dmarc import DmarcError, read_dmarc
from delivery.domains.relays import Relay, literal_address, relay_of
from delivery.domains.resolving import Address, Dns, DnsError
from delivery.domains.spf import MAX_LOOKUPS, SpfError, Tree, read_spf, suggest


class Level(StrEnum):
    """How an item stands.  A fault makes receivers refuse or distrust mail; a warning may."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    UNKNOWN = "unknown"


class TxtRecord(NamedTuple):
    """A TXT record: its name, and its text unsplit."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist: what was found, and what to do about it (empty when there is nothing to do).

    `seen` are the texts of records as they are, `publish` those that would mend it.
    """

    code: str
    title: str
    level: Level
    found: str
    todo: str = ""
    seen: list[str] = field(default_factory=list)
    publish: list[TxtRecord] = field(default_factory=list)

    def dump(self) -> dict[str, Any]:
        """Return JSON."""
        return asdict(self)

    @classmethod
    def load(cls, row: dict[str, Any]) -> Self:
        """Return what `dump` wrote."""
        publish = [TxtRecord(*record) for record in row["publish"]]
        return cls(**{**row, "level": Level(row["level"]), "publish": publish})


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """One of our keys, to be compared with its record.  `status` is that of models.DkimKey."""

    selector: str
    algorithm: str
    public: str
    status: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A domain with the keys that sign for it and the servers that take its mail."""

    name: str
    keys: Sequence[PublishedKey] = ()
    hosts: Sequence[str] = ()

    def after_activation(self, published: frozenset[str]) -> "Subject":
        """Return the same with the published waiting keys signing instead of those of their kind."""
        begins = {
            key.selector: key.algorithm for key in self.keys if key.status == "pending" and key.selector in published
        }
        keys = [
            replace(key, status="active") if key.selector in begins else key
            for key in self.keys
            if key.status != "active" or key.algorithm not in begins.values()
        ]
        return Subject(self.name, keys, self.hosts)


@dataclass(frozen=True, slots=True)
class Report:
    """A checklist, and the selectors of those keys whose records are published and right."""

    items: list[Item]
    published: frozenset[str]


def examine(subject: Subject, dns: Dns) -> Report:
    """Look everything up.  A DNS that fails makes an item unknown, never the whole."""
    published = frozenset(key.selector for key in subject.keys if key_problem(dns, subject.name, key) == "")
    items = [
        _item(check_spf, "spf", "SPF", subject, dns),
        check_dkim(subject, dns),
        _item(check_dmarc, "dmarc", "DMARC", subject, dns),
        _item(check_mx, "mx", "Replies (MX)", subject, dns),
        _item(check_ptr, "ptr", "Reverse name (PTR)", subject, dns),
    ]
    return Report([item for item in items if item is not None], published)


def worst(items: Sequence[Item]) -> Level | None:
    """Return the level of the worst item; None when there are none."""
    order = (Level.FAULT, Level.WARNING, Level.UNKNOWN, Level.OK)
    return next((level for level in order if any(item.level is level for item in items)), None)


def _item(check: Any, code: str, title: str, subject: Subject, dns: Dns) -> Item | None:
    try:
        item: Item | None = check(subject, dns)
    except DnsError as error:
        return Item(code, title, Level.UNKNOWN, str(error), "Check again in a while.")
    return item


def check_spf(subject: Subject, dns: Dns) -> Item:
    """Whether the domain allows the servers that send its mail."""
    terms, foreign = _wanted_terms(subject, dns)
    try:
        tree = read_spf(dns, subject.name)
    except SpfError as error:
        return _spf(subject, Level.FAULT, f"{error} Receivers treat it as if it were broken.", "Mend the record.")
    if tree is None:
        todo = "Publish one TXT record at the domain itself that names every server that sends for it."
        found = f"{subject.name} has no SPF record."
        level = Level.WARNING if foreign and not terms else Level.FAULT
        return _spf(subject, level, found, todo, publish=suggest(None, terms))
    return _judged_spf(subject, dns, tree, terms)


def _judged_spf(subject: Subject, dns: Dns, tree: Tree, terms: Sequence[str]) -> Item:
    record = tree.record
    cost = f"{tree.lookups} of {MAX_LOOKUPS} lookups"
    if tree.has_too_many_lookups:
        found = f"It needs {tree.lookups} lookups ({tree.void_lookups} of them lead nowhere); receivers stop after {MAX_LOOKUPS}."
        return _spf(subject, Level.FAULT, found, "Take out what you no longer send with.", seen=[record.text])
    if record.catch_all == "pass":
        found = "It ends in +all, which lets anybody send in your name."
        return _spf(subject, Level.FAULT, found, "End it in ~all or -all.", seen=[record.text])
    missing = [term for term in terms if not _covers(dns, tree, term)]
    if missing:
        found = f"It does not name what this mail leaves through: {', '.join(missing)}."
        improved = suggest(record.text, missing)
        if any(term.startswith("include:") for term in missing):
            return _spf(
                subject, Level.FAULT, found, "Replace the record by this one.", seen=[record.text], publish=improved
            )
        todo = "Replace the record by this one, unless that server hands its mail to another that the record names."
        return _spf(subject, Level.WARNING, found, todo, seen=[record.text], publish=improved)
    if record.catch_all == "neutral":
        found = f"It does not say what holds for other servers ({cost})."
        return _spf(subject, Level.WARNING, found, "End it in ~all or -all.", seen=[record.text])
    known = "It names the servers that this mail leaves through" if terms else "It is in order"
    return _spf(subject, Level.OK, f"{known} ({cost}).", "", seen=[record.text])


def _spf(subject: Subject, level: Level, found: str, todo: str, *, seen: Sequence[str] = (), publish: str = "") -> Item:
    records = [TxtRecord(subject.name, publish)] if publish else []
    return Item("spf", "SPF", level, found, todo, list(seen), records)


def _wanted_terms(subject: Subject, dns: Dns) -> tuple[list[str], bool]:
    """Return what the record must name, and whether a provider puts its own envelope address on the mail."""
    terms: list[str] = []
    foreign = False
    for host in subject.hosts:
        relay = relay_of(host)
        if relay is not None:
            foreign = foreign or relay.own_envelope
            wanted = [] if relay.own_envelope else [f"include:{relay.spf}"]
        else:
            wanted = [f"ip{address.version}:{address}" for address in public_addresses(dns, host)]
        terms += [term for term in wanted if term not in terms]
    return terms, foreign


def _covers(dns: Dns, tree: Tree, term: str) -> bool:
    kind, _, value = term.partition(":")
    if kind == "include":
        return tree.record.includes(value)
    address = literal_address(value)
    return address is not None and tree.record.judge(address) == "pass"


def public_addresses(dns: Dns, host: str) -> list[Address]:
    """Return the addresses of a server that receivers may see; none of a machine on a private network."""
    literal = literal_address(host)
    found = [literal] if literal is not None else dns.addresses(host)
    return [address for address in found if address.is_global]


def key_problem(dns: Dns, domain: str, key: PublishedKey) -> str:
    """Return why a key's record is not what it should be: "" when it is, and "missing" when there is none."""
    try:
        found = dns.texts(record_name(key.selector, domain))
    except DnsError as error:
        return str(error)
    if not found:
        return "missing"
    if len(found) > 1:
        return f"there are {len(found)} records; only one is allowed"
    try:
        record = parse_record(found[0])
    except RecordError as error:
        return str(error)
    if record.revoked:
        return "the record revokes the key (its p= is empty)"
    if record.public != key.public or record.algorithm != key.algorithm:
        return "it holds another key"
    return "it is marked as a test (t=y)" if record.testing else ""


def check_dkim(subject: Subject, dns: Dns) -> Item:
    """Whether the keys that sign are published as they are."""
    title = "DKIM"
    keys = [key for key in subject.keys if key.status != "retired"]
    relays = [relay for relay in map(relay_of, subject.hosts) if relay is not None]
    if not keys:
        return _unsigned(title, relays)
    bad, waiting = [], []
    for key in keys:
        problem = key_problem(dns, subject.name, key)
        name = record_name(key.selector, subject.name)
        if problem and key.status == "active":
            bad.append(f"{name}: {'its record is gone' if problem == 'missing' else problem}")
        elif problem and problem != "missing":
            bad.append(f"{name}: {problem}")
        elif problem:
            waiting.append(name)
    records = [
        TxtRecord(record_name(key.selector, subject.name), record_text(Algorithm(key.algorithm), key.public))
        for key in keys
    ]
    if bad:
        found = f"Receivers can't verify the signature. {'; '.join(bad)}."
        return Item("dkim", title, Level.FAULT, found, "Publish the records as they are shown here.", publish=records)
    active = [key for key in keys if key.status == "active"]
    if waiting and not active:
        found = f"Mail is not signed yet: {' and '.join(waiting)} is not published."
        return Item(
            "dkim", title, Level.WARNING, found, "Publish the record; signing then begins by itself.", publish=records
        )
    kinds = " and ".join("Ed25519" if key.algorithm == Algorithm.ED25519 else "RSA" for key in active or keys)
    rest = f" {' and '.join(waiting)} is not published yet." if waiting else ""
    return Item("dkim", title, Level.OK, f"The published keys are ours ({kinds}).{rest}")


def _unsigned(title: str, relays: Sequence[Relay]) -> Item:
    if relays:
        labels = ", ".join(dict.fromkeys(relay.label for relay in relays))
        found = f"Drumbeat does not sign this domain's mail; {labels} can, if that is set up there with this domain."
    else:
        found = "Mail from this domain is not signed, unless its server does that."
    todo = "Create keys here, or see that the server signs with this domain; large receivers demand it of bulk mail."
    return Item("dkim", title, Level.WARNING, found, todo)


def check_dmarc(subject: Subject, dns: Dns) -> Item:
    """Whether the domain has a policy, and whether our signature and envelope are in line with it."""
    title = "DMARC"
    suggestion = [TxtRecord(f"_dmarc.{subject.name}", suggested_policy(subject.name))]
    try:
        policy = read_dmarc(dns, subject.name)
    except DmarcError as error:
        return Item("dmarc", title, Level.FAULT, str(error), "Mend the record.", publish=suggestion)
    if policy is None:
        found = f"{subject.name} has no DMARC record, which large receivers demand of bulk mail."
        return Item(
            "dmarc", title, Level.FAULT, found, "Publish one; p=none only asks for reports.", publish=suggestion
        )
    where = "" if policy.domain == subject.name else f" of {policy.domain}"
    signs = any(key.status == "active" for key in subject.keys)
    aligned = (
        "our signature is aligned with it" if signs else "alignment hangs on SPF and on the server's own signature"
    )
    found = f"The policy{where} is p={policy.action}; {aligned}."
    if policy.action != "none" and not signs:
        todo = "Mail that fails is not delivered: make sure that it is signed with this domain."
        return Item("dmarc", title, Level.WARNING, found, todo, [policy.text])
    todo = (
        "" if policy.action != "none" else "Once the reports show that all your mail passes, raise it to p=quarantine."
    )
    return Item("dmarc", title, Level.OK, found, todo, [policy.text])


def suggested_policy(domain: str) -> str:
    """Return a DMARC record that changes nothing yet but asks for reports."""
    return f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}"


def check_mx(subject: Subject, dns: Dns) -> Item:
    """Whether replies and bounces have somewhere to go."""
    title = "Replies (MX)"
    exchangers = dns.exchangers(subject.name)
    if exchangers == [""]:
        found = f"{subject.name} says that it takes no mail (a null MX); receivers refuse mail from such domains."
        return Item(
            "mx", title, Level.FAULT, found, "Publish an MX record with a server that takes replies and bounces."
        )
    if exchangers:
        shown = ", ".join(exchangers[:3]) + (" …" if len(exchangers) > 3 else "")
        return Item("mx", title, Level.OK, f"Replies and bounces go to {shown}.")
    if dns.addresses(subject.name):
        found = f"{subject.name} has no MX record; mail to it goes to the address of the domain itself."
        return Item(
            "mx", title, Level.WARNING, found, "Publish an MX record with a server that takes replies and bounces."
        )
    found = f"{subject.name} can't receive mail: it has neither an MX record nor an address. Some receivers refuse its mail."
    return Item("mx", title, Level.FAULT, found, "Publish an MX record with a server that takes replies and bounces.")


def check_ptr(subject: Subject, dns: Dns) -> Item | None:
    """Whether our own servers' addresses have names that lead back to them; None for providers and private machines."""
    title = "Reverse name (PTR)"
    named, faulty = [], []
    for host in subject.hosts:
        if relay_of(host) is not None:
            continue
        for address in public_addresses(dns, host):
            names = dns.names_of(address)
            confirmed = [name for name in names if address in dns.addresses(name)]
            if confirmed:
                named.append(f"{address} is {confirmed[0]}")
            elif names:
                faulty.append(f"{address} is called {names[0]}, which does not lead back to it")
            else:
                faulty.append(f"{address} has no name")
    if faulty:
        todo = (
            "Ask whoever gave you the address to set its PTR record to the server's name (unless it relays elsewhere)."
        )
        return Item("ptr", title, Level.WARNING, f"{'; '.join(faulty)}.", todo)
    return Item("ptr", title, Level.OK, f"{'; '.join(named)}, and back.") if named else None
