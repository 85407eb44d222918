"""The launch of a broadcast whose email is tested: part by part as the test lets them go, then everybody else.

The position of a launch is (part, contact): a part's people are claimed chunk by chunk like everybody's. Between two parts the launch
waits, and is woken by what the test announces.
"""

from collections.abc import Callable, Iterator

from django.db import transaction

from abtests import selectors as tests
from abtests import services as abtests
from abtests.events import BatchReleased, ExperimentDecided
from abtests.models import Experiment, ExperimentBatch, Mode
from campaigns import selectors
from campaigns.audience import audience_of, stream
from campaigns.models import Campaign, Kind, Launch
from campaigns.services import waking
from core import clock
from sequences.models import Step

State = Experiment.State
# Enrols one chunk that begins at a position of a part; False when another worker was faster or the campaign has ended.
Enrol = Callable[[Campaign, list[int], int | None, int], bool]


def run_parts(launch: Launch, test: Experiment, *, enrol: Enrol, chunk: int) -> bool:
    """Enrol the parts that are out; True when everybody else may follow, False when the launch waits or is another worker's."""
    campaign = launch.campaign
    if launch.part == 0 and not test.parts.exists():
        everybody = (contact_id for ids in stream(audience_of(campaign), size=chunk) for contact_id in ids)
        abtests.begin_cells(test, contact_ids=everybody, now=clock.now())
    while True:
        launch.refresh_from_db(fields=["part", "last_contact_id", "finished_at"])
        if launch.finished_at is not None:
            return False
        if launch.part is None:
            return True
        test.refresh_from_db()
        part = tests.part_of(test, launch.part)
        if part is not None and part.released_at is not None:
            if not _enrol_part(launch, test, part, enrol, chunk):
                return False
        elif _may_go_to_the_rest(test, part):
            _move(launch, None)
        elif _wait(launch, test):
            return False


def assign_newcomers(campaign: Campaign, contact_ids: list[int], part: int | None) -> None:
    """Draw the arms of a chunk's people where nobody dealt them out beforehand: while a broadcast's email is optimised."""
    test = _bandit_of(campaign)
    if test is None:
        return
    latest = tests.part_of(test, part) if part is not None else test.parts.filter(released_at__isnull=False).last()
    if latest is not None and latest.is_drawn:
        abtests.assign_drawn(test, contact_ids=contact_ids, part=latest)


def end_parts(test: Experiment) -> None:
    """Tell a test that everybody has been let in: an optimisation has nothing more to share out."""
    if test.mode == Mode.BANDIT:
        abtests.finish_bandit(test)


def note_batch_released(decision: BatchReleased) -> None:
    """Handler: a part of a broadcast's test goes out now."""
    _wake(decision.experiment_id)


def note_experiment_decided(decision: ExperimentDecided) -> None:
    """Handler: the winner goes to everybody else now."""
    _wake(decision.experiment_id)


def _wake(experiment_id: int) -> None:
    sequences = Step.objects.filter(experiment=experiment_id).values("version__sequence")
    waiting = Launch.objects.filter(finished_at=None, campaign__sequence__in=sequences, campaign__kind=Kind.BROADCAST)
    for campaign_id in list(waiting.values_list("campaign_id", flat=True)):
        Launch.objects.filter(campaign=campaign_id).update(waits_for_test=False, progressed_at=clock.now())
        waking.wake_launch(campaign_id)


def _bandit_of(campaign: Campaign) -> Experiment | None:
    test = selectors.test_in_parts(campaign)
    return test if test is not None and test.mode == Mode.BANDIT and test.state == State.RUNNING else None


def _enrol_part(launch: Launch, test: Experiment, part: ExperimentBatch, enrol: Enrol, chunk: int) -> bool:
    position = launch.last_contact_id
    for contact_ids in _people_of(launch, test, part, position, chunk):
        if not enrol(launch.campaign, contact_ids, part.number, position):
            return False
        position = contact_ids[-1]
    return _move(launch, part.number + 1, position=position)


def _people_of(
    launch: Launch, test: Experiment, part: ExperimentBatch, position: int, chunk: int
) -> Iterator[list[int]]:
    """Yield those who belong to a part, by id, in chunks: whom it was dealt to, or whom its draw takes."""
    if not part.is_drawn:
        while contact_ids := tests.contacts_in_part(test, part.number, after=position, size=chunk):
            yield contact_ids
            position = contact_ids[-1]
        return
    for contact_ids in stream(audience_of(launch.campaign), after=position, size=chunk):
        if own := tests.drawn_into(test, contact_ids, part.number):
            yield own


def _may_go_to_the_rest(test: Experiment, part: ExperimentBatch | None) -> bool:
    if test.state == State.RUNNING:
        # An optimisation whose parts are all out takes everybody along who has come meanwhile.
        return part is None and test.mode == Mode.BANDIT and test.parts.exists()
    return bool(tests.goes_to_the_rest(test))


def _move(launch: Launch, part: int | None, *, position: int | None = None) -> bool:
    """Go on to the next part; False when another worker has done so."""
    at = launch.last_contact_id if position is None else position
    moved = Launch.objects.filter(pk=launch.pk, part=launch.part, last_contact_id=at, finished_at=None).update(
        part=part, last_contact_id=0, progressed_at=clock.now()
    )
    return bool(moved)


@transaction.atomic
def _wait(launch: Launch, test: Experiment) -> bool:
    """Let the launch wait for its test; False when there is something to do after all.

    What the test decides at this moment either finds the launch waiting, and wakes it, or is seen here: its handler and this write to the
    same row.
    """
    Launch.objects.filter(pk=launch.pk, finished_at=None).update(waits_for_test=True, progressed_at=clock.now())
    test.refresh_from_db()
    part = tests.part_of(test, launch.part or 0)
    if (part is not None and part.released_at is not None) or _may_go_to_the_rest(test, part):
        Launch.objects.filter(pk=launch.pk).update(waits_for_test=False)
        return False
    return True
