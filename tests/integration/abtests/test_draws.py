"""PostgreSQL draws as Python does."""

import pytest
from django.db import connection

from abtests.assignment import DRAW_SQL, draw

IDS = [1, 2, 9, 10, 99, 100, 12345, 2**31, 2**62, *range(1000, 3000)]


@pytest.mark.django_db
def test_the_database_puts_people_into_the_same_order():
    statement = (
        f"SELECT id, {DRAW_SQL.format(contact_id='id')} AS drawn FROM unnest(%(ids)s::bigint[]) id ORDER BY drawn"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, {"key": "experiment:1 é", "ids": IDS})
        found = cursor.fetchall()
    assert [contact_id for contact_id, _ in found] == sorted(IDS, key=lambda one: draw("experiment:1 é", one))
    assert [int.from_bytes(bytes(drawn)) for _, drawn in found] == sorted(draw("experiment:1 é", one) for one in IDS)
