import secrets
from typing import Any

from django.db import models
from django.db.models import Q

from abtests.limits import MOST_ARMS
from contacts.models import Contact
from core import clock
from delivery.models import Mailing
from team.models import User, Workspace
from templates_lib.models import TemplateVersion


def new_key() -> str:
    return secrets.token_hex(8)


def default_dimensions() -> list[str]:
    return ["subject"]


class Metric(models.TextChoices):
    CLICK = "click", "Clicked"
    REPLY = "reply", "Replied"
    OPEN = "open", "Opened"
    LINK = "link", "Clicked on one link"
    CONVERSION = "conversion", "Did something afterwards"


class Design(models.TextChoices):
    """Who gets the arms, and when."""

    CELLS = "cells", "A part of the audience first, then the winner to the rest"
    CONTINUOUS = "continuous", "Whoever comes by, until it is decided"
    SEND_TIME = "send_time", "Each arm at its own hour, by the recipient's clock"


class Mode(models.TextChoices):
    TEST = "test", "Find the best and prove it"
    BANDIT = "bandit", "More of what works, batch by batch"


class Rule(models.TextChoices):
    """When a test of whoever comes by is judged."""

    SEQUENTIAL = "sequential", "After each part of what is planned"
    ALWAYS_VALID = "always_valid", "Every day, for as long as it takes"
    FIXED = "fixed", "Once, at the end"


class Dimension(models.TextChoices):
    """What differs between arms."""

    SUBJECT = "subject", "Subject"
    PREHEADER = "preheader", "Preheader"
    CONTENT = "content", "Content"
    FROM_NAME = "from_name", "Sender's name"
    SEND_TIME = "send_time", "Send time"


# The column of a variant that says what it does differently in each dimension.
WAYS: dict[str, str] = {
    Dimension.SUBJECT: "subject",
    Dimension.PREHEADER: "preheader",
    Dimension.CONTENT: "template_version",
    Dimension.FROM_NAME: "from_name",
    Dimension.SEND_TIME: "send_at",
}


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
    design = models.CharField(max_length=10, choices=Design.choices, default=Design.CELLS)
    mode = models.CharField(max_length=6, choices=Mode.choices, default=Mode.TEST)
    dimensions = models.JSONField(
        "what is tested", default=default_dimensions, help_text="Names of what differs; several make it factorial."
    )
    metric = models.CharField(max_length=10, choices=Metric.choices, default=Metric.CLICK)
    link_label = models.TextField("link", blank=True, default="", help_text="The URL as written in the email.")
    event_name = models.CharField(
        "event", max_length=100, blank=True, default="", help_text="The custom event that is a conversion."
    )
    window_hours = models.PositiveSmallIntegerField(
        "window", help_text="Hours after their own send until a recipient counts."
    )
    base = models.FloatField("base rate", help_text="Share of those sent to that responds anyway.")
    lead = models.FloatField(
        "planned lead", help_text="Share of those sent to by which a better arm must lead to matter."
    )
    batches = models.PositiveSmallIntegerField(default=6, help_text="In how many parts the test goes out.")
    spacing_minutes = models.PositiveIntegerField(
        "minutes between two parts", default=60, help_text="0: all at once, judged once."
    )
    largest_share = models.FloatField(
        "largest share", default=1.0, help_text="At most this share of the audience gets the test."
    )
    per_arm = models.PositiveIntegerField(
        "recipients an arm", null=True, blank=True, help_text="Empty: what proves the planned lead, or the list allows."
    )
    rule = models.CharField(max_length=12, choices=Rule.choices, default=Rule.SEQUENTIAL)
    days = models.PositiveSmallIntegerField(
        "at most so many days", null=True, blank=True, help_text="For whoever comes by; empty: until it is decided."
    )
    without_proof = models.CharField(
        max_length=7,
        choices=WithoutProof.choices,
        default=WithoutProof.LEADER,
        help_text="What the rest gets if nothing is proven.",
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    deadline_at = models.DateTimeField(null=True, editable=False, help_text="The last look; empty: not known yet.")
    look_at = models.DateTimeField(null=True, editable=False, help_text="When it is asked again whether a look is due.")
    paused_at = models.DateTimeField(null=True, editable=False)
    paused_with_campaign = models.BooleanField(default=False, editable=False, help_text="It goes on with the campaign.")
    decided_at = models.DateTimeField(null=True, editable=False)
    outcome = models.CharField(
        max_length=30, blank=True, default="", editable=False, help_text="The last verdict, or by_hand."
    )
    winner = models.ForeignKey("Variant", on_delete=models.SET_NULL, null=True, editable=False, related_name="+")
    decided_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+")
    summary = models.JSONField(
        default=dict,
        db_default={},
        editable=False,
        help_text="What the results show beside the verdict (abtests.summaries).",
    )
    summarised_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["look_at"], condition=Q(state="running"), name="experiment_look_due")]

    def __str__(self) -> str:
        return self.name


class Variant(models.Model):
    """One arm of a test; the first is the control.  What is empty is as in the email itself."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="variants")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)
    subject = models.TextField(blank=True, default="")
    preheader = models.TextField(blank=True, default="")
    from_name = models.CharField("sender's name", max_length=150, blank=True, default="")
    template_version = models.ForeignKey(
        TemplateVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name="content"
    )
    send_at = models.TimeField("send time", null=True, blank=True, help_text="By the recipient's clock.")
    levels = models.JSONField(
        default=list, editable=False, help_text="Factorial: which level of each dimension, counted from 0."
    )
    stopped_at = models.DateTimeField(null=True, editable=False, help_text="Nobody gets this arm any more.")
    mailing = models.OneToOneField(Mailing, on_delete=models.RESTRICT, null=True, editable=False, related_name="+")

    class Meta:
        ordering = ["experiment", "position"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "position"], name="variant_position_once"),
            models.CheckConstraint(condition=Q(position__lt=MOST_ARMS), name="variant_at_most_eight"),
        ]

    def __str__(self) -> str:
        return self.name

    def way_in(self, dimension: str) -> Any:
        """Return what it does differently in this dimension; empty or None: it is as in the email."""
        return getattr(self, WAYS[dimension])


class ExperimentBatch(models.Model):
    """One part of a test: when it goes out, and by what shares the arms were drawn (null: equal parts).

    Of a drip or a triggered campaign it is a time: whoever comes by from its release to that of the next one belongs to it.
    """

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveSmallIntegerField()
    release_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, editable=False)
    size = models.PositiveIntegerField(default=0, help_text="Recipients of all arms.")
    weights = models.JSONField(null=True, help_text="The arms' shares; null: equal.")
    is_drawn = models.BooleanField(
        default=False, editable=False, help_text="Its people get their arms when it goes out, not when the test begins."
    )
    matured_at = models.DateTimeField(
        null=True, editable=False, help_text="When the window of all its recipients was found closed."
    )

    class Meta:
        ordering = ["experiment", "number"]
        verbose_name_plural = "experiment batches"
        constraints = [models.UniqueConstraint(fields=["experiment", "number"], name="experiment_batch_once")]
        indexes = [
            models.Index(fields=["release_at"], condition=Q(released_at__isnull=True), name="experiment_batch_due")
        ]

    def __str__(self) -> str:
        return f"batch {self.number}"


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
