"""Giving contacts their arms.  An arm once given stays: a second call changes nothing."""

from collections.abc import Sequence
from itertools import accumulate

from django.db import connection, transaction

from abtests import selectors
from abtests.assignment import DRAW_SQL, arm_of
from abtests.exceptions import ExperimentError
from abtests.models import Assignment, Experiment
from contacts.events import ContactsDeleted
from core.exceptions import InvalidInput

# One pass over the audience and one sort of it; the batches are at most 24 rows. The draw decides the order, the id between two equal ones.
_DEAL = f"""
    INSERT INTO abtests_assignment (experiment_id, contact_id, variant_id, batch)
    SELECT %(experiment)s, dealt.id, (%(variants)s::bigint[])[1 + mod(dealt.position - cell.start, %(arms)s)], cell.batch
    FROM (
        SELECT id, row_number() OVER (ORDER BY {DRAW_SQL.format(contact_id="id")}, id) - 1 AS position
        FROM unnest(%(contacts)s::bigint[]) AS id
    ) AS dealt
    JOIN (
        SELECT ordinality - 1 AS batch, bounds.start, bounds.stop
        FROM unnest(%(starts)s::bigint[], %(stops)s::bigint[]) WITH ORDINALITY AS bounds (start, stop, ordinality)
    ) AS cell ON dealt.position >= cell.start AND dealt.position < cell.stop
    ON CONFLICT (experiment_id, contact_id) DO NOTHING
"""  # noqa: S608 - the draw is a constant


@transaction.atomic
def assign_cells(experiment: Experiment, *, contact_ids: Sequence[int], batch_sizes: Sequence[int]) -> int:
    """Deal the test's cells out to a blast's audience and return how many contacts got an arm; the others wait for the winner.

    `batch_sizes` are contacts an arm (`plans.Plan.batch_sizes`).  Raises ExperimentError unless the test runs, InvalidInput for an
    audience that is smaller than the cells or names a contact twice.
    """
    variants = _running_arms(experiment)
    stops = list(accumulate(size * len(variants) for size in batch_sizes))
    if len(set(contact_ids)) != len(contact_ids):
        raise InvalidInput("The audience names a contact twice.")
    if not stops or min(batch_sizes) < 1 or stops[-1] > len(contact_ids):
        raise InvalidInput("The audience is smaller than the cells of the test.")
    with connection.cursor() as cursor:
        cursor.execute(
            _DEAL,
            {
                "experiment": experiment.pk,
                "key": experiment.key,
                "variants": variants,
                "arms": len(variants),
                "contacts": list(contact_ids),
                "starts": [0, *stops[:-1]],
                "stops": stops,
            },
        )
        dealt: int = cursor.rowcount
    return dealt


@transaction.atomic
def assign_entrants(
    experiment: Experiment, *, contact_ids: Sequence[int], weights: Sequence[float] | None = None
) -> dict[int, int]:
    """Give people who enter one by one their arms, and return each contact's variant (also of those who had one).

    `weights` are the arms' shares, equal parts by default.  Raises ExperimentError unless the test runs, InvalidInput for weights that
    don't fit.
    """
    variants = _running_arms(experiment)
    shares = list(weights) if weights is not None else [1.0] * len(variants)
    if len(shares) != len(variants) or min(shares) < 0 or not sum(shares):
        raise InvalidInput("Give each arm its share.")
    Assignment.objects.bulk_create(
        [
            Assignment(
                experiment=experiment,
                contact_id=contact_id,
                variant_id=variants[arm_of(experiment.key, contact_id, shares)],
            )
            for contact_id in contact_ids
        ],
        ignore_conflicts=True,
    )
    found = Assignment.objects.filter(experiment=experiment, contact_id__in=contact_ids)
    return dict(found.values_list("contact_id", "variant_id"))


def forget_contacts(event: ContactsDeleted) -> None:
    """Forget the arms of contacts that are deleted; what their messages counted for stays counted."""
    Assignment.objects.filter(contact_id__in=event.contact_ids, experiment__workspace_id=event.workspace_id).delete()


def _running_arms(experiment: Experiment) -> list[int]:
    """Return the ids of a running test's variants, which can't change any more."""
    if not Experiment.objects.filter(pk=experiment.pk, state=Experiment.State.RUNNING).exists():
        raise ExperimentError("Only a running test gives out arms.")
    return [variant.pk for variant in selectors.variants_of(experiment)]
