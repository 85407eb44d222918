from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.exceptions import BadValueError
from contacts.models import FieldType
from contacts.values import MAX_WHOLE, Formats, as_text, coercer

GERMAN = Formats(decimal_comma=True, date_order="dmy")
AMERICAN = Formats(date_order="mdy")


@pytest.mark.parametrize(
    ("raw", "formats", "number"),
    [
        ("42", Formats(), 42),
        ("-1.5", Formats(), -1.5),
        ("+7", Formats(), 7),
        ("1e3", Formats(), 1000),
        (".5", Formats(), 0.5),
        ("1,234.5", Formats(), 1234.5),
        ("1,234,567", Formats(), 1234567),
        ("1 234", Formats(), 1234),
        ("1'234", Formats(), 1234),
        ("1.234,5", GERMAN, 1234.5),
        ("0,5", GERMAN, 0.5),
        ("1.234", GERMAN, 1234),
        ("12", GERMAN, 12),
        (7, Formats(), 7),
        (7.0, Formats(), 7),
        (0.25, Formats(), 0.25),
        ("", Formats(), None),
        ("  ", Formats(), None),
        (None, Formats(), None),
    ],
)
def test_a_number_is_read(raw: Any, formats: Formats, number: float | None) -> None:
    value = coercer(FieldType.NUMBER, formats=formats)(raw)
    assert value == number
    assert type(value) is type(number)


@pytest.mark.parametrize(
    "raw", ["abc", "1,5", "1.2.3", "--1", "NaN", "inf", "Infinity", "1e999", "0x10", "1_000", True, [1], "12€", "٣"]
)
def test_what_is_no_number_is_refused(raw: Any) -> None:
    with pytest.raises(BadValueError):
        coercer(FieldType.NUMBER)(raw)


@pytest.mark.parametrize(
    ("raw", "formats", "day"),
    [
        ("2026-02-28", Formats(), "2026-02-28"),
        ("2026-02-28T10:00:00Z", Formats(), "2026-02-28"),
        ("2026/2/3", Formats(), "2026-02-03"),
        (date(2026, 1, 2), Formats(), "2026-01-02"),
        ("3.2.2026", GERMAN, "2026-02-03"),
        ("03/02/2026", GERMAN, "2026-02-03"),
        ("02/03/2026", AMERICAN, "2026-02-03"),
        ("2026-02-03", GERMAN, "2026-02-03"),
        ("", Formats(), None),
    ],
)
def test_a_date_is_read(raw: Any, formats: Formats, day: str | None) -> None:
    assert coercer(FieldType.DATE, formats=formats)(raw) == day


@pytest.mark.parametrize(
    ("raw", "formats"),
    [
        ("2026-02-30", Formats()),
        ("tomorrow", Formats()),
        ("3.2.2026", Formats()),
        ("31.12.2026", AMERICAN),
        (20260203, Formats()),
        ("0000-01-01", Formats()),
    ],
)
def test_what_is_no_date_is_refused(raw: Any, formats: Formats) -> None:
    with pytest.raises(BadValueError):
        coercer(FieldType.DATE, formats=formats)(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [("Ja", True), ("SÍ", True), ("oui", True), ("0", False), ("Non", False), (1, True), (False, False), ("", None)],
)
def test_yes_and_no_are_understood_in_four_languages(raw: Any, value: bool | None) -> None:
    assert coercer(FieldType.BOOLEAN)(raw) is value


@pytest.mark.parametrize("raw", ["maybe", 2, 1.0j, []])
def test_what_is_neither_yes_nor_no_is_refused(raw: Any) -> None:
    with pytest.raises(BadValueError):
        coercer(FieldType.BOOLEAN)(raw)


def test_a_choice_is_found_in_any_case_and_kept_as_it_was_defined() -> None:
    coerce = coercer(FieldType.CHOICE, choices=["Pro", "Free"])
    assert coerce(" pRO ") == "Pro"
    with pytest.raises(BadValueError, match="Pro, Free"):
        coerce("Gold")


@pytest.mark.parametrize(
    ("raw", "items"),
    [
        ("a; b ;;c", ["a", "b", "c"]),
        ("a|b", ["a", "b"]),
        ('["a;b", "c"]', ["a;b", "c"]),
        ("alone", ["alone"]),
        ([" x ", ""], ["x"]),
        ([{"name": "Tea", "price": 3.5}], [{"name": "Tea", "price": 3.5}]),
        ("", None),
        ([], None),
    ],
)
def test_a_list_is_read(raw: Any, items: list[Any] | None) -> None:
    assert coercer(FieldType.LIST)(raw) == items


@pytest.mark.parametrize(
    "raw", [{"a": 1}, ["x"] * 101, [{"a": {"b": 1}}], ["x" * 501], 5, [{"a": float("nan")}], [{"a": float("inf")}]]
)
def test_what_is_no_flat_list_is_refused(raw: Any) -> None:
    with pytest.raises(BadValueError):
        coercer(FieldType.LIST)(raw)


@pytest.mark.parametrize("type_", FieldType.values)
@pytest.mark.parametrize("raw", ["a\x00b", "\ud800"])
def test_text_that_the_database_cannot_hold_is_refused_for_every_type(type_: str, raw: str) -> None:
    with pytest.raises(BadValueError):
        coercer(type_, choices=["a"])(raw)


def test_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(BadValueError, match="5,000"):
        coercer(FieldType.TEXT)("x" * 5001)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(type_=st.sampled_from(FieldType.values), raw=anything)
def test_whatever_comes_in_is_coerced_once_and_for_all_or_refused(type_: str, raw: Any) -> None:
    coerce = coercer(type_, choices=["pro", "free"])
    try:
        value = coerce(raw)
    except BadValueError:
        return
    assert coerce(value) == value


@given(st.integers(-MAX_WHOLE, MAX_WHOLE) | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives_its_way_through_a_cell(number: float) -> None:
    assert coercer(FieldType.NUMBER)(as_text(number)) == number


@given(
    st.lists(
        st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20).map(str.strip).filter(bool),
        max_size=5,
    )
)
def test_a_list_survives_its_way_through_a_cell(items: list[str]) -> None:
    assert coercer(FieldType.LIST)(as_text(items)) == (items or None)
