"""The simulation against the real engine, over random sequences in simulated time: the same steps, lanes and moments."""

from datetime import datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contacts import services as contacts
from contacts.models import Contact
from core import clock, facts
from delivery import services as delivery
from delivery.models import Batch, Message, MessageState
from sequences import selectors, services
from sequences.models import Decision, Enrolment, EnrolmentState
from sequences.simulation import Outcomes, person_of
from tests.factories.sequences import enrol, make_contacts, make_document, make_mailbox
from tests.factories.team import WorkspaceFactory
from tests.integration.sequences.conftest import START
from tests.integration.sequences.documents import MOST_STEPS, Writer
from tests.integration.sequences.world import accept
from tracking.custom import NewEvent
from tracking.events import HitsRecorded
from tracking.services import record_custom_events

FAR = START + timedelta(days=30)
WINDOWS = [
    {},
    {},
    {"weekdays": [0, 1, 2, 3, 4], "start": "09:30", "end": "16:00"},
    {"weekdays": [1, 5], "start": "22:00", "end": "02:00"},
]


class World:
    """Goes from one moment at which something is due to the next, and does what the simulation has assumed."""

    def __init__(self, sequence, enrolment, story):
        self.sequence, self.enrolment = sequence, enrolment
        steps = {step.key: step for step in selectors.steps_of(sequence.live_version)}
        routed = [stage for stage in story.stages if stage.route and stage.key in steps]
        self.deeds = sorted(
            {
                (
                    stage.route.happens_at,
                    stage.kind,
                    steps[stage.key].config.get("step") or steps[stage.key].config["event"],
                )
                for stage in routed
                if stage.route.happens_at
            }
        )

    def run(self):
        now: datetime | None = START
        while now is not None and now < FAR:
            with clock.simulated(now):
                self.happen(now)
                while services.advance_due(now=now) + self.post(now):
                    self.happen(now)
                    facts.deliver()
            now = self.next_moment(now)

    def happen(self, now):
        """They click, and do what an event tells of, at the moments that were assumed."""
        for deed in [deed for deed in self.deeds if deed[0] <= now]:
            at, kind, what = deed
            if kind == "branch":
                sent = (
                    Message.objects.filter(key__contains=f":{what}:", accepted_at__isnull=False).order_by("-pk").first()
                )
                if sent is None:
                    continue
                Message.objects.filter(pk=sent.pk).update(clicked_at=at, clicked_any_at=at)
                facts.record(
                    HitsRecorded(sent.workspace_id, [], [], [sent.pk]), workspace_id=sent.workspace_id, occurred_at=at
                )
            else:
                contact_id = Enrolment.objects.get(pk=self.enrolment).contact_id
                record_custom_events(self.sequence.workspace_id, [NewEvent(contact_id, what, at)])
            self.deeds.remove(deed)
        facts.deliver()

    def post(self, now):
        """What has come to its turn leaves, and is accepted at that very moment; return how many batches."""
        batches = list(Batch.objects.filter(state=Batch.State.QUEUED, due_at__lte=now))
        for batch in batches:
            batch.state = Batch.State.DONE
            batch.save()
            accept(Message.objects.filter(pk__in=batch.message_ids, state=MessageState.QUEUED), now)
        return len(batches)

    def next_moment(self, now):
        active = Enrolment.objects.filter(pk=self.enrolment, state=EnrolmentState.ACTIVE, due_at__gt=now)
        due = [at for at in active.values_list("due_at", flat=True) if at]
        due += Batch.objects.filter(state=Batch.State.QUEUED, due_at__gt=now).values_list("due_at", flat=True)
        due += [at for at, _, _ in self.deeds if at > now]
        return min(due, default=None)


def told_by_engine(sequence, enrolment):
    """Return (step, round, when it left) of each email, and (step, round, lane, when) of each decision."""
    mails = []
    for message in Message.objects.filter(mailing__steps__version__sequence=sequence).order_by("pk"):
        _, key, rotation = message.key.split(":")
        mails.append((key, int(rotation), message.accepted_at))
    rows = Decision.objects.filter(enrolment=enrolment).exclude(lane="").order_by("pk")
    return mails, [(row.step_key, row.rotation, row.lane, row.decided_at) for row in rows]


def told_by_simulation(story):
    mails = [(stage.key, stage.rotation, stage.mail.leaves_at) for stage in story.emails]
    routed = [stage for stage in story.stages if stage.route is not None]
    return mails, [(stage.key, stage.rotation, stage.route.lane, stage.left_at) for stage in routed]


def one_case(draw):
    """Return the simulated story, what the engine did, and the enrolment as it is in the end."""
    workspace = WorkspaceFactory(time_zone="Europe/Berlin")
    list_ = contacts.create_list(workspace=workspace, name="Customers")
    contacts.create_field(workspace=workspace, label="Plan")
    sequence = make_document(workspace, Writer(draw, list_.pk).document())
    if window := draw(st.sampled_from(WINDOWS)):
        delivery.set_mailing_window(selectors.mailing_ids(sequence), window)
    (made,) = make_contacts(workspace, 1)
    # A split goes by the contact's number: a drawn one makes a case the same whenever it is tried.
    contact_id = draw(st.integers(10**9, 10**9 + 999))
    Contact.objects.filter(pk=made).update(id=contact_id)
    zone, plan = draw(st.sampled_from(["", "America/New_York", "Asia/Kolkata"])), draw(st.sampled_from(["pro", "free"]))
    Contact.objects.filter(pk=contact_id).update(time_zone=zone, attributes={"plan": plan})
    if draw(st.booleans()):
        contacts.add_members(list_=list_, contact_ids=[contact_id])
    lanes = {"wait_for": ["happened", "timeout"], "branch": ["yes", "no"]}
    # As many draws as a case can use: how many there are must not follow from what the database says.
    picks = draw(st.lists(st.integers(0, 1), min_size=MOST_STEPS + 5, max_size=MOST_STEPS + 5))
    asked = [
        step
        for step in selectors.steps_of(sequence.live_version)
        if step.kind == "wait_for" or step.config.get("on") == "engagement"
    ]
    chosen = {step.key: lanes[step.kind][pick] for step, pick in zip(asked, picks, strict=False)}
    after = timedelta(minutes=draw(st.integers(1, 90)))
    story = services.simulate_sequence(
        sequence=sequence,
        person=person_of(Contact.objects.select_related("workspace").get(pk=contact_id)),
        version=sequence.live_version,
        start=START,
        outcomes=Outcomes(chosen, reacts_after=after),
    )
    assert Contact.objects.get(pk=contact_id).attributes == {"plan": plan}
    assert not Message.objects.filter(workspace=workspace).exists()
    enrol(sequence, [contact_id], make_mailbox(workspace))
    enrolment = Enrolment.objects.get(sequence=sequence)
    World(sequence, enrolment.pk, story).run()
    enrolment.refresh_from_db()
    return story, told_by_engine(sequence, enrolment.pk), enrolment


@pytest.mark.slow
@pytest.mark.django_db
# Cases are not made smaller, as in the engine's own property test.
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(data=st.data())
def test_the_engine_does_at_the_simulated_moments_what_was_simulated(data):
    with transaction.atomic(), clock.simulated(START):
        story, (mails, lanes), enrolment = one_case(data.draw)
        told_mails, told_lanes = told_by_simulation(story)
        whole = story.ending != "cut" and story.ended_at < FAR - timedelta(days=1)
        if whole:
            assert (mails, lanes) == (told_mails, told_lanes)
            assert enrolment.state in (EnrolmentState.COMPLETED, EnrolmentState.STOPPED)
            assert (enrolment.reason == "goal") == (story.ending == "goal")
        else:  # a loop: as far as both have come
            assert mails == told_mails[: len(mails)] or told_mails == mails[: len(told_mails)]
            assert lanes == told_lanes[: len(lanes)] or told_lanes == lanes[: len(told_lanes)]
        transaction.set_rollback(True)
