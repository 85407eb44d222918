"""Messages a second on one core, from a contact's fields to the octets on the wire: compiled, tracked, encoded, dots stuffed.

The mail is that of `send`: 12 kB in two parts, three merge fields, a condition, a loop over the contact's own items, ten
tracked links and a pixel. Peers in the same run, in turns, with the same links, tokens and headers: the same composer with
python-liquid rendering each part and the parts encoded as a whole, and Django's EmailMultiAlternatives filled by python-liquid.
Counted in seconds of CPU, so that neighbours on the machine weigh little; medians of several rounds.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.core.mail import EmailMultiAlternatives

from benchmarks._mail import SOURCE, SUBJECT, attributes
from delivery import tokens
from delivery.compose import Composer, Recipient
from delivery.compose.composer import Places, Sender
from templates_lib.rendering import CompiledEmail, compile_email

ROUNDS = 9
OURS, THEIRS = 2_000, 200
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PLACES = Places("https://mail.example.org", "https://t.example.org")
SENDER = Sender(
    workspace_id=3,
    workspace_slug="acme",
    mailbox_id=7,
    name="Acme News",
    email="news@sender.example",
    reply_to="",
    workspace={"name": "Acme", "company": "Acme Ltd", "address": "1 Example Street", "website": "https://acme.example"},
)
# The same with text beyond ASCII in both parts, in lines that need no breaking.
FOREIGN = SOURCE.replace("Hello", "Grüße an").replace("Buy now", "Für mich").replace(" quiet", "\nleise, schön")


def main() -> dict[str, Any]:
    """Return the benchmark's line; `value` is for ASCII text, or any text to servers with 8BITMIME."""
    compiled = compile_email(format="html", subject=SUBJECT, source=SOURCE)
    foreign = compile_email(format="html", subject=SUBJECT, source=FOREIGN)
    recipients = [recipient(number) for number in range(OURS)]
    few = recipients[:THEIRS]
    ours, slow, umlauts = composer(compiled), composer(uncompiled()), composer(foreign)
    jobs: dict[str, tuple[list[Recipient], Callable[[Recipient], object]]] = {
        "ours": (recipients, lambda to: ours.compose(to, now=NOW, eight_bit=True)),
        "eight_bit": (recipients, lambda to: umlauts.compose(to, now=NOW, eight_bit=True)),
        "quoted_printable": (recipients, lambda to: umlauts.compose(to, now=NOW, eight_bit=False)),
        "python_liquid": (few, lambda to: slow.compose(to, now=NOW, eight_bit=True)),
        "email_message": (few, lambda to: email_message(slow, to)),
    }
    for people, make in jobs.values():
        seconds_each(people[:THEIRS], make)
    rounds = [{name: seconds_each(*job) for name, job in jobs.items()} for _ in range(ROUNDS)]
    cost = {name: statistics.median(found[name] for found in rounds) for name in jobs}
    for name, seconds in cost.items():
        print(f"{name:18} {seconds * 1e6:9.1f} µs a message")
    return {
        "benchmark": "compose",
        "value": round(1 / cost["ours"]),
        "unit": "messages/s",
        "ratios": {
            peer: round(statistics.median(found[peer] / found["ours"] for found in rounds), 1)
            for peer in ("python_liquid", "email_message")
        },
        "fallbacks": len(compiled.fallbacks) + len(foreign.fallbacks),
        "eight_bit": round(1 / cost["eight_bit"]),
        "quoted_printable": round(1 / cost["quoted_printable"]),
        "bytes": len(ours.compose(recipients[0], now=NOW, eight_bit=True).content),
        "n": OURS * ROUNDS,
    }


def seconds_each(people: list[Recipient], make: Callable[[Recipient], object]) -> float:
    """Return the CPU seconds that making one message takes."""
    started = time.process_time()
    for person in people:
        make(person)
    return (time.process_time() - started) / len(people)


def recipient(number: int) -> Recipient:
    """Return the contact with this number."""
    name = f"Person {number}"
    fields = {
        "email": f"person{number}@example.com",
        "firstName": f"Name{number % 5000}",
        "company": f"Company & Sons {number}",
    }
    return Recipient(
        message_id=number + 1,
        contact_id=number + 1,
        key=f"e{number}:step:0",
        email=f"person{number}@example.com",
        name=name,
        tracking="individual",
        fields={**fields, **attributes(number)},
    )


def composer(compiled: CompiledEmail) -> Composer:
    """Return the product's composer."""
    return Composer(
        mailing_id=42,
        compiled=compiled,
        sender=SENDER,
        places=PLACES,
        context={"campaign": {"name": "October"}},
        track_opens=True,
        track_clicks=True,
    )


def uncompiled() -> CompiledEmail:
    """Return the mail with no part planned, so that python-liquid renders all of it."""
    compiled = compile_email(format="html", subject=SUBJECT, source=SOURCE)
    compiled.__dict__["plans"] = {}
    return compiled


def email_message(made: Composer, to: Recipient) -> bytes:
    """Return the mail as Django's own message, rendered by python-liquid with the same links and pixel."""
    unsubscribe = f"{PLACES.base_url}/u/{tokens.unsubscribe_token(3, to.contact_id, to.message_id)}"
    rendered = made.begin(to, unsubscribe).finish()
    message = EmailMultiAlternatives(
        rendered.subject,
        rendered.text,
        "Acme News <news@sender.example>",
        [f"{to.name} <{to.email}>"],
        headers={
            "List-Unsubscribe": f"<{unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Feedback-ID": "42:7:campaign:acme",
        },
    )
    message.attach_alternative(rendered.html, "text/html")
    return message.message().as_bytes()
