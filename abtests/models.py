import secrets

from django.db import models
from django.db.models import Q

from abtests.limits import MOST_ARMS
from contacts.models import Contact
from core import clock
from delivery.models import Mailing
from team.models import User, Workspace


def new_key() -> str:
    return secrets.token_hex(8)


class Metric(models.TextChoices):
    CLICK = "click", "Clicked"
    REPLY = "reply", "Replied"
    OPEN = "open", "Opened"


class WithoutProof(models.TextChoices):
    """What goes to the rest if nothing is proven."""

    LEADER = "leader", "The leader"
    CONTROL = "control", "The control"
    EQUAL = "equal", "Equal parts of all"
    BANDIT = "bandit", "More of what works, batch by batch"
    ASK = "ask", "Ask me"


class Experiment(models.Model):
    """A test of two to eight versions of one email."""

    class State(models.TextChoices):
        PLANNED = "planned", "Planned"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        DECIDED = "decided", "Decided"
        STOPPED = "stopped", "Stopped"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    key = models.CharField(
        max_length=16, default=new_key, unique=True, editable=False, help_text="Contacts' arms are drawn with it."
    )
    state = models.CharField(max_length=7, choices=State.choices, default=State.PLANNED, editable=False)
    metric = models.CharField(max_length=5, choices=Metric.choices, default=Metric.CLICK)
    window_hours = models.PositiveSmallIntegerField(
        "window", help_text="Hours after their own send until a recipient counts."
    )
    base = models.FloatField("base rate", help_text="Share of those sent to that responds anyway.")
    lead = models.FloatField(
        "planned lead", help_text="Share of those sent to by which a better arm must lead to matter."
    )
    batches = models.PositiveSmallIntegerField(default=6, help_text="In how many parts the test goes out.")
    without_proof = models.CharField(
        max_length=7,
        choices=WithoutProof.choices,
        default=WithoutProof.LEADER,
        help_text="What the rest gets if nothing is proven.",
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    decided_at = models.DateTimeField(null=True, editable=False)
    outcome = models.CharField(
        max_length=30, blank=True, default="", editable=False, help_text="The last verdict, or by_hand."
    )
    winner = models.ForeignKey("Variant", on_delete=models.SET_NULL, null=True, editable=False, related_name="+")
    decided_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+")

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name


class Variant(models.Model):
    """One arm of a test; the first is the control."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="variants")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)
    mailing = models.OneToOneField(Mailing, on_delete=models.RESTRICT, null=True, related_name="+")

    class Meta:
        ordering = ["experiment", "position"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "position"], name="variant_position_once"),
            models.CheckConstraint(condition=Q(position__lt=MOST_ARMS), name="variant_at_most_eight"),
        ]

    def __str__(self) -> str:
        return self.name


class Assignment(models.Model):
    """Which arm a contact has, for good; `batch` is null for who entered alone."""

    experiment = models.ForeignKey(
        Experiment, on_delete=models.CASCADE, related_name="assignments", db_index=False, db_constraint=False
    )
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    variant = models.ForeignKey(
        Variant, on_delete=models.CASCADE, related_name="assignments", db_index=False, db_constraint=False
    )
    batch = models.PositiveSmallIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["experiment", "contact"], name="assignment_once")]

    def __str__(self) -> str:
        return f"{self.contact_id} in {self.variant_id}"


class Look(models.Model):
    """One look at a test: all that was asked and what came out, so that anybody can make the verdict again."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="looks")
    number = models.PositiveSmallIntegerField()
    looked_at = models.DateTimeField()
    question = models.JSONField(help_text="abtests.statistics.records.Question")
    verdict = models.JSONField(help_text="abtests.statistics.Verdict")

    class Meta:
        ordering = ["experiment", "number"]
        constraints = [models.UniqueConstraint(fields=["experiment", "number"], name="look_number_once")]

    def __str__(self) -> str:
        return f"look {self.number}"
