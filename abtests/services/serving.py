"""Which version each contact gets when an email is sent, and when.

Asked by whoever sends, for some thousand contacts of one email at a time.  An arm once given stays; asking twice changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Final, NamedTuple

from django.db import connection, transaction

from abtests import selectors, strata
from abtests.assignment import arm_of
from abtests.exceptions import ExperimentError
from abtests.models import Design, Experiment, ExperimentBatch, Metric, Variant
from abtests.services import lifecycle
from abtests.services.assigning import keep_draws
from core.literals import numbers
from delivery import services as delivery

State = Experiment.State

# Between these ages responses are told apart (and at the test's own window): most come early.
RESPONSE_HOURS: Final = (1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 96, 120, 168, 240, 336)


class Served(NamedTuple):
    """What each contact gets; those `waiting` get nothing yet.

    `stratum_of` (`abtests.strata`) is NOT_COUNTED for who is not in the test.  `send_at_of` is the time on the contact's clock (None: at
    once).
    """

    mailing_of: dict[int, int]
    stratum_of: dict[int, int]
    send_at_of: dict[int, time | None]
    waiting: set[int]


class Foretold(NamedTuple):
    """Which version somebody would get (its place), and why; `is_known` unless it hangs on a draw that nobody has made."""

    place: int
    is_known: bool
    sentence: str


class _Known(NamedTuple):
    variant_id: int
    batch: int | None
    is_released: bool


def serve(experiment: Experiment, *, contact_ids: Sequence[int]) -> Served:
    """Return which mailing each contact gets, at which time on their clock; draw who has no arm yet, where the test is at that.

    Belongs into the transaction that sends.  Raises ExperimentError for a test whose arms have no mailings.
    """
    variants = {variant.pk: variant for variant in selectors.variants_of(experiment)}
    if empty := [variant.name for variant in variants.values() if variant.mailing_id is None]:
        raise ExperimentError(f"These versions have no content yet: {', '.join(empty)}.")
    served = Served({}, {}, {}, set())
    left: list[int] = []
    known = _assigned(experiment, contact_ids) if contact_ids else {}
    for contact_id in contact_ids:
        own = known.get(contact_id)
        if own is not None and own.is_released and variants[own.variant_id].stopped_at is None:
            _give(served, contact_id, variants[own.variant_id], strata.of_part(own.batch))
        else:
            left.append(contact_id)
    if left:
        _serve_others(experiment, list(variants.values()), left, known, served)
    return served


def foretell(experiment: Experiment, *, contact_id: int) -> Foretold:
    """Return the version that `serve` would give a contact (0: somebody made up) as the test is now, or begins; nothing is written."""
    variants = selectors.variants_of(experiment)
    own = _assigned(experiment, [contact_id]).get(contact_id) if contact_id else None
    arm = next((each for each in variants if own and each.pk == own.variant_id and each.stopped_at is None), None)
    control = _control(variants)
    to_come = experiment.state in (State.PLANNED, State.RUNNING, State.PAUSED)
    if own is not None and arm is not None and (own.is_released or to_come):
        return Foretold(arm.position, True, "It is theirs already.")
    if to_come and experiment.design != Design.CONTINUOUS:
        return Foretold(
            control.position, False, "Who gets which is dealt when the test begins; the rest gets the winner."
        )
    if experiment.state == State.PAUSED or (to_come and own is not None):
        return Foretold(control.position, True, "Nobody new gets another version now.")
    if to_come:
        arms = [each for each in variants if each.stopped_at is None] or variants[:1]
        place = arm_of(experiment.key, contact_id, _shares(arms, _current(experiment))) if contact_id else 0
        return Foretold(arms[place].position, bool(contact_id), "By lot.")
    going = selectors.goes_to_the_rest(experiment)
    if len(going) == 1:
        return Foretold(going[0].position, True, "The test is over: everybody new gets it.")
    if going:
        drawn = _drawn(experiment, going, contact_id) if contact_id else going[0]
        return Foretold(drawn.position, bool(contact_id), "The test is over without a winner: by lot.")
    return Foretold(control.position, False, "They wait until somebody has chosen a version.")


@transaction.atomic
def prepare(experiment: Experiment, *, mailing_ids: Mapping[int, int]) -> None:
    """Give the arms of a planned test their mailings (by the arm's id, none sent yet) and start it.  Raises as `start` does."""
    locked = lifecycle.lock(experiment)
    for variant in selectors.variants_of(locked):
        Variant.objects.filter(pk=variant.pk).update(mailing=mailing_ids.get(variant.pk))
    link = locked.link_label if locked.metric == Metric.LINK else ""
    bounds = sorted({*RESPONSE_HOURS, locked.window_hours})
    delivery.count_responses(list(mailing_ids.values()), bounds=bounds, link=link)
    lifecycle.start(experiment)


def _serve_others(
    experiment: Experiment,
    variants: Sequence[Variant],
    contact_ids: Sequence[int],
    known: Mapping[int, _Known],
    served: Served,
) -> None:
    """Serve those who have no arm that can be sent to them: drawn while the test takes whoever comes by, else the same for all."""
    if experiment.state in (State.RUNNING, State.PAUSED) and experiment.design != Design.CONTINUOUS:
        served.waiting.update(contact_ids)
    elif experiment.state == State.RUNNING:
        open_arms = [variant for variant in variants if variant.stopped_at is None]
        _draw(experiment, open_arms, [contact_id for contact_id in contact_ids if contact_id not in known], served)
        # Their arm was stopped since.
        _give_all(served, [contact_id for contact_id in contact_ids if contact_id in known], _control(variants))
    elif experiment.state in (State.PLANNED, State.PAUSED):
        _give_all(served, contact_ids, _control(variants))
    elif len(going := selectors.goes_to_the_rest(experiment)) == 1:
        _give_all(served, contact_ids, going[0])
    elif going:
        for contact_id in contact_ids:
            _give(served, contact_id, _drawn(experiment, going, contact_id), strata.NOT_COUNTED)
    else:
        served.waiting.update(contact_ids)


def _control(variants: Sequence[Variant]) -> Variant:
    """Return the control, or the first arm that was not stopped if the control was."""
    return next((variant for variant in variants if variant.stopped_at is None), variants[0])


def _drawn(experiment: Experiment, arms: Sequence[Variant], contact_id: int) -> Variant:
    return arms[arm_of(experiment.key, contact_id, [1.0] * len(arms))]


def _give(served: Served, contact_id: int, variant: Variant, stratum: int) -> None:
    served.mailing_of[contact_id] = variant.mailing_id or 0
    served.stratum_of[contact_id] = stratum
    served.send_at_of[contact_id] = variant.send_at


def _give_all(served: Served, contact_ids: Sequence[int], variant: Variant) -> None:
    served.mailing_of.update(dict.fromkeys(contact_ids, variant.mailing_id or 0))
    served.stratum_of.update(dict.fromkeys(contact_ids, strata.NOT_COUNTED))
    served.send_at_of.update(dict.fromkeys(contact_ids, variant.send_at))


def _draw(experiment: Experiment, arms: Sequence[Variant], contact_ids: Sequence[int], served: Served) -> None:
    """Give each contact an arm by hash, by the shares of the current batch, and keep it."""
    if not contact_ids:
        return
    if not arms:
        served.waiting.update(contact_ids)
        return
    batch = _current(experiment)
    shares = _shares(arms, batch)
    number = batch.number if batch else None
    drawn = {contact_id: arms[arm_of(experiment.key, contact_id, shares)].pk for contact_id in contact_ids}
    kept = keep_draws(experiment, contact_ids=list(drawn), variant_ids=list(drawn.values()), batch=number)
    by_id = {variant.pk: variant for variant in arms}
    # Somebody else may have drawn for the same contact at the same moment, by other shares: theirs stands.
    others = _assigned(experiment, contact_ids) if kept < len(drawn) else {}
    for contact_id, variant_id in drawn.items():
        own = others.get(contact_id)
        variant = by_id.get(own.variant_id if own else variant_id, by_id[variant_id])
        _give(served, contact_id, variant, strata.of_part(own.batch if own else number))


def _current(experiment: Experiment) -> ExperimentBatch | None:
    """Return the part that whoever comes by now belongs to."""
    return ExperimentBatch.objects.filter(experiment=experiment, released_at__isnull=False).order_by("number").last()


def _shares(arms: Sequence[Variant], batch: ExperimentBatch | None) -> list[float]:
    """Return the open arms' shares; equal parts unless the batch has others."""
    weights: Sequence[float] = (batch.weights if batch else None) or []
    shares = [weights[arm.position] if arm.position < len(weights) else 0.0 for arm in arms]
    return shares if sum(shares) > 0 else [1.0] * len(arms)


def _assigned(experiment: Experiment, contact_ids: Sequence[int]) -> dict[int, _Known]:
    """Return who of the contacts has an arm, and whether their batch has gone out (who entered alone has none)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.contact_id, a.variant_id, a.batch, b.id IS NULL OR b.released_at IS NOT NULL
            FROM abtests_assignment a
            LEFT JOIN abtests_experimentbatch b ON b.experiment_id = a.experiment_id AND b.number = a.batch
            WHERE a.experiment_id = %s AND a.contact_id = ANY (%s::bigint[])
            """,
            [experiment.pk, numbers(contact_ids)],
        )
        return {contact_id: _Known._make(row) for contact_id, *row in cursor.fetchall()}
