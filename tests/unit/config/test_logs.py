"""Log lines hold no address, as lines and as JSON."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.logs import LineFormatter, ObjectFormatter, without_addresses


def record(message: str, *values: object, error: Exception | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("delivery.courier", logging.WARNING, "courier.py", 7, message, values, info)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550 5.1.1 <ada@example.com>: user unknown", "550 5.1.1 <…@example.com>: user unknown"),
        ("Key (email)=(ada.b+tag@mail.example.co.uk) exists.", "Key (email)=(…@mail.example.co.uk) exists."),
        ("to=josé@exämple.de, sent", "to=…@exämple.de, sent"),
        ("mail@here is alive", "mail@here is alive"),
        ("Batch 7 of mailbox 3: 421 4.7.28", "Batch 7 of mailbox 3: 421 4.7.28"),
    ],
)
def test_an_address_is_cut_to_its_domain(text: str, expected: str) -> None:
    assert without_addresses(text) == expected


def test_a_line_and_its_traceback_hold_no_address() -> None:
    try:
        raise ValueError("ada@example.com is not welcome")
    except ValueError as error:
        line = LineFormatter().format(record("Mailbox %s: %s", 3, "refused bob@example.com", error=error))
    assert "ada@" not in line
    assert "bob@" not in line
    assert "ValueError: …@example.com is not welcome" in line


def test_an_object_is_one_line_of_json_with_what_machines_sort_by() -> None:
    try:
        raise ValueError("zoë@example.com is not welcome")
    except ValueError as error:
        line = ObjectFormatter().format(record("Mailbox %s is slow\nand silent", 3, error=error))
    assert "\n" not in line
    found = json.loads(line)
    assert found["level"] == "WARNING"
    assert found["logger"] == "delivery.courier"
    assert found["message"] == "Mailbox 3 is slow\nand silent"
    assert found["exc_info"].endswith("ValueError: …@example.com is not welcome")
    assert found["timestamp"].endswith("+00:00")
    assert found["process"] > 0


@given(st.text(), st.emails(), st.text())
def test_no_address_survives_whatever_stands_around_it(before: str, address: str, after: str) -> None:
    local, _, _ = address.rpartition("@")
    if any(character in local for character in "\"'(),:;<>[]\\="):
        return
    text = f"{before} {address} {after}"
    assert f" {address} " not in without_addresses(text)
    assert json.loads(ObjectFormatter().format(record(text.replace("%", "")))) is not None
