"""Array literals, read back from PostgreSQL."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.literals import moments, numbers, texts

any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
quiet = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(cast: str, literal: str) -> list:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{cast}[]", [literal])
        row = cursor.fetchone()
    assert row is not None
    return row[0]


@pytest.mark.django_db
@quiet
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_numbers_are_read_as_they_are(values: list[int | None]) -> None:
    assert read("bigint", numbers(values)) == values


@pytest.mark.django_db
@quiet
@given(st.lists(any_text | st.sampled_from(["", "NULL", '"', "\\", "a,b", "{}", " x ", "%s", "'"])))
def test_texts_are_read_as_they_are(values: list[str]) -> None:
    assert read("text", texts(values)) == values


@pytest.mark.django_db
def test_moments_are_read_as_they_are() -> None:
    first = datetime(2026, 11, 24, 11, 0, 0, 123456, UTC)
    values = [
        first,
        first + timedelta(microseconds=1),
        first.astimezone(timezone(timedelta(hours=5, minutes=45))),
        first,
    ]
    assert read("timestamptz", moments(values)) == values
    assert read("timestamptz", moments([])) == []
