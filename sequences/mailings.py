"""The mailings that steps send: an email's own, and those of the other versions of its A/B test.

Whoever asks whose mail something is asks here, in SQL by STEP_MAILINGS.
"""

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from abtests.models import Variant
from core.literals import numbers
from sequences.models import Step

# To be named: `FROM step_mailings s`.  Columns step_id, version_id, key, mailing_id, variant_id (NULL for an email without a test).  A draft
# has none.  Both halves are found by the index of the mailing, of the version or of the step.
STEP_MAILINGS: Final = """(
    SELECT step.id AS step_id, step.version_id, step.key, step.mailing_id, own.id AS variant_id
    FROM sequences_step step LEFT JOIN abtests_variant own ON own.mailing_id = step.mailing_id
    WHERE step.mailing_id IS NOT NULL
    UNION ALL
    SELECT step.id, step.version_id, step.key, variant.mailing_id, variant.id
    FROM sequences_step step JOIN abtests_variant variant ON variant.experiment_id = step.experiment_id
    WHERE variant.mailing_id <> step.mailing_id
)"""


class StepMailing(NamedTuple):
    """One mailing of a step of a published version; `variant_id` is the test's arm that it is, None without a test."""

    sequence_id: int
    version_id: int
    key: str
    mailing_id: int
    variant_id: int | None


def step_mailings(
    *,
    sequence_ids: Collection[int] | None = None,
    version_ids: Collection[int] | None = None,
    mailing_ids: Collection[int] | None = None,
) -> list[StepMailing]:
    """Return the mailings of these sequences, versions or ids, with the steps that send them.

    In the order of the versions, lanes and places, and of the arms of a test; a mailing that several versions send comes several times.
    """
    wanted = {"v.sequence_id": sequence_ids, "s.version_id": version_ids, "s.mailing_id": mailing_ids}
    given: dict[str, Collection[int]] = {column: ids for column, ids in wanted.items() if ids is not None}
    conditions = " AND ".join(f"{column} = ANY (%s::bigint[])" for column in given)
    parameters: list[Any] = [numbers(ids) for ids in given.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT v.sequence_id, s.version_id, s.key, s.mailing_id, s.variant_id
            FROM {STEP_MAILINGS} s
            JOIN sequences_version v ON v.id = s.version_id
            JOIN sequences_step placed ON placed.id = s.step_id
            LEFT JOIN abtests_variant arm ON arm.id = s.variant_id
            WHERE {conditions}
            ORDER BY v.number, placed.lane, placed.position, arm.position
            """,  # noqa: S608 - names of this module
            parameters,
        )
        return [StepMailing._make(row) for row in cursor.fetchall()]


def sent_by_a_step() -> Q:
    """Return the condition on mailings that a step of a sequence sends them, as one version or another."""
    arms = Variant.objects.filter(mailing=OuterRef("pk"))
    return Q(Exists(Step.objects.filter(mailing=OuterRef("pk")))) | Q(Exists(arms))
