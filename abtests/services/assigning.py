"""Giving contacts their arms.  An arm once given stays: a second call changes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, batched

from django.db import connection, transaction
from django.db.models import F

from abtests import selectors
from abtests.assignment import DRAW_SQL, arm_of
from abtests.exceptions import ExperimentError
from abtests.models import Assignment, Experiment, ExperimentBatch, Variant
from contacts.events import ContactsDeleted
from core.exceptions import InvalidInput
from core.literals import numbers

# One pass over the audience and one sort of it; the batches are at most 24 rows. The draw decides the order, the id between two equal ones.
_DEAL = f"""
    INSERT INTO abtests_assignment (experiment_id, contact_id, variant_id, batch)
    SELECT %(experiment)s, dealt.id, (%(variants)s::bigint[])[1 + mod(dealt.position - cell.start, %(arms)s)], cell.batch
    FROM (
        SELECT id, row_number() OVER (ORDER BY drawn, id) - 1 AS position
        FROM (SELECT id, {DRAW_SQL.format(contact_id="id")} AS drawn FROM abtests_audience ORDER BY 2, 1 LIMIT %(cells)s) first
    ) AS dealt
    JOIN (
        SELECT ordinality - 1 AS batch, bounds.start, bounds.stop
        FROM unnest(%(starts)s::bigint[], %(stops)s::bigint[]) WITH ORDINALITY AS bounds (start, stop, ordinality)
    ) AS cell ON dealt.position >= cell.start AND dealt.position < cell.stop
    ON CONFLICT (experiment_id, contact_id) DO NOTHING
"""  # noqa: S608 - the draw is a constant
_STAGED_AT_ONCE = 10_000


@transaction.atomic
def assign_cells(experiment: Experiment, *, contact_ids: Iterable[int], batch_sizes: Sequence[int]) -> int:
    """Deal the test's cells out to a blast's audience and return how many contacts got an arm; the others wait for the winner.

    `batch_sizes` are contacts an arm (`plans.Plan.batch_sizes`).  Raises ExperimentError unless the test runs, InvalidInput for an
    audience that is smaller than the cells or names a contact twice.
    """
    with staged(contact_ids) as size:
        return deal_staged(experiment, size=size, batch_sizes=batch_sizes)


@contextmanager
def staged(contact_ids: Iterable[int]) -> Iterator[int]:
    """Lay an audience out in the database for `deal_staged`, and say how large it is.  Memory stays flat in its size.

    Belongs into a transaction.  Raises InvalidInput if it names a contact twice.
    """
    size = 0
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE abtests_audience (id bigint PRIMARY KEY) ON COMMIT DROP")
        for chunk in batched(contact_ids, _STAGED_AT_ONCE, strict=False):
            cursor.execute(
                "INSERT INTO abtests_audience SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING", [numbers(chunk)]
            )
            size += len(chunk)
            if cursor.rowcount != len(chunk):
                raise InvalidInput("The audience names a contact twice.")
        yield size
        cursor.execute("DROP TABLE abtests_audience")


def deal_staged(experiment: Experiment, *, size: int, batch_sizes: Sequence[int]) -> int:
    """Do what `assign_cells` does with the audience that is laid out."""
    variants = [variant.pk for variant in _running_arms(experiment) if variant.stopped_at is None]
    stops = list(accumulate(each * len(variants) for each in batch_sizes))
    if not stops or min(batch_sizes) < 1 or stops[-1] > size:
        raise InvalidInput("The audience is smaller than the cells of the test.")
    with connection.cursor() as cursor:
        cursor.execute(
            _DEAL,
            {
                "experiment": experiment.pk,
                "key": experiment.key,
                "variants": variants,
                "arms": len(variants),
                "cells": stops[-1],
                "starts": [0, *stops[:-1]],
                "stops": stops,
            },
        )
        return int(cursor.rowcount)


@transaction.atomic
def assign_entrants(
    experiment: Experiment,
    *,
    contact_ids: Sequence[int],
    weights: Sequence[float] | None = None,
    batch: int | None = None,
) -> dict[int, int]:
    """Give people who enter one by one their arms, and return each contact's variant (also of those who had one).

    `weights` are the arms' shares, equal parts of those that were not stopped by default; `batch` is the part they belong to.  Raises ExperimentError unless the test runs, InvalidInput for weights that
    don't fit.
    """
    variants = _running_arms(experiment)
    shares = list(weights) if weights is not None else [float(variant.stopped_at is None) for variant in variants]
    if len(shares) != len(variants) or min(shares) < 0 or not sum(shares):
        raise InvalidInput("Give each version its share.")
    drawn = [variants[arm_of(experiment.key, contact_id, shares)].pk for contact_id in contact_ids]
    keep_draws(experiment, contact_ids=contact_ids, variant_ids=drawn, batch=batch)
    found = Assignment.objects.filter(experiment=experiment, contact_id__in=contact_ids)
    return dict(found.values_list("contact_id", "variant_id"))


@transaction.atomic
def assign_drawn(experiment: Experiment, *, contact_ids: Sequence[int], part: ExperimentBatch) -> int:
    """Give people of a drawn part their arms by its shares, and return how many had none yet; nobody unless the test runs."""
    state = Experiment.objects.filter(pk=experiment.pk).select_for_update(no_key=True).values_list("state", flat=True)
    variants = selectors.variants_of(experiment)
    shares = [
        0.0 if variant.stopped_at else share
        for variant, share in zip(variants, part.weights or [1.0] * len(variants), strict=True)
    ]
    if state.get() != Experiment.State.RUNNING or not sum(shares):
        return 0
    arms = [variants[arm_of(experiment.key, contact_id, shares)].pk for contact_id in contact_ids]
    drawn = keep_draws(experiment, contact_ids=contact_ids, variant_ids=arms, batch=part.number)
    ExperimentBatch.objects.filter(pk=part.pk).update(size=F("size") + drawn)
    return drawn


def keep_draws(
    experiment: Experiment, *, contact_ids: Sequence[int], variant_ids: Sequence[int], batch: int | None
) -> int:
    """Keep which arm each contact has drawn, and return how many had none yet; the others keep theirs."""
    with connection.cursor() as cursor:
        # In one order, so that two who draw for the same people don't wait for each other in a circle.
        cursor.execute(
            """
            INSERT INTO abtests_assignment (experiment_id, contact_id, variant_id, batch)
            SELECT %s, contact_id, variant_id, %s FROM unnest(%s::bigint[], %s::bigint[]) AS drawn (contact_id, variant_id)
            ORDER BY contact_id ON CONFLICT (experiment_id, contact_id) DO NOTHING
            """,
            [experiment.pk, batch, numbers(contact_ids), numbers(variant_ids)],
        )
        return int(cursor.rowcount)


def forget_contacts(event: ContactsDeleted) -> None:
    """Forget the arms of contacts that are deleted; what their messages counted for stays counted."""
    Assignment.objects.filter(contact_id__in=event.contact_ids, experiment__workspace_id=event.workspace_id).delete()


def _running_arms(experiment: Experiment) -> list[Variant]:
    """Return a running test's variants, which can't change any more."""
    if not Experiment.objects.filter(pk=experiment.pk, state=Experiment.State.RUNNING).exists():
        raise ExperimentError("Only a running test gives out its versions.")
    return selectors.variants_of(experiment)
