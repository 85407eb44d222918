from django.db import models

from abtests.models import Experiment
from contacts.models import Contact
from core import clock
from delivery.models import Mailbox, Mailing
from team.models import User, Workspace
from templates_lib.models import Format, TemplateVersion

ROOT_LANE = "root"


class Sequence(models.Model):
    """Where contacts stand on their way through a campaign's steps."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        CLOSED = "closed", "Closed"

    class OnReply(models.TextChoices):
        GO_ON = "go_on", "Go on"
        STOP = "stop", "Stop for the contact"
        STOP_DOMAIN = "stop_domain", "Stop for everybody at the contact’s company"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    on_reply = models.CharField(
        "when somebody replies",
        max_length=11,
        choices=OnReply.choices,
        default=OnReply.GO_ON,
        db_default=OnReply.GO_ON,
        help_text="Cold sequences stop, whichever mail was replied to.",
    )
    exit_filter = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text="A segment's definition: who matches leaves before an email goes.",
    )
    state = models.CharField(max_length=7, choices=State.choices, default=State.DRAFT)
    live_version = models.ForeignKey("Version", on_delete=models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    swept_at = models.DateTimeField(
        "put away at", null=True, editable=False, help_text="When its enrolments were put away."
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["closed_at"],
                condition=models.Q(closed_at__isnull=False, swept_at__isnull=True),
                name="sequence_unswept",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Version(models.Model):
    """The steps of a sequence at one time; immutable once published."""

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    published_at = models.DateTimeField(null=True, editable=False)
    revision = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="Grows with every edit of the draft: stale tabs, undo."
    )

    class Meta:
        ordering = ["sequence", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["sequence", "number"], name="version_number_once"),
            models.UniqueConstraint(
                fields=["sequence"], condition=models.Q(published_at__isnull=True), name="version_one_draft"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"


class Policy(models.TextChoices):
    """What publishing a change does to those who are on the way."""

    MIGRATE = "migrate", "Move everybody to the new steps"
    FINISH_OLD = "finish_old", "Let them finish the old steps"
    EXIT = "exit", "End their way"


class Publication(models.Model):
    """How a change reached the people on their way: what was decided, and the position from which any worker can go on."""

    version = models.OneToOneField(Version, on_delete=models.CASCADE, related_name="publication")
    policy = models.CharField(max_length=10, choices=Policy.choices, default=Policy.MIGRATE)
    by = models.CharField(max_length=200, blank=True, default="", help_text="Who published it.")
    people = models.PositiveIntegerField(default=0, help_text="On the way when it was published.")
    moved = models.PositiveIntegerField(default=0)
    position = models.BigIntegerField(default=0, editable=False, help_text="The last contact that was moved.")
    published_at = models.DateTimeField()
    moved_at = models.DateTimeField(null=True, help_text="When the last of them was moved.")
    finished_at = models.DateTimeField(null=True, help_text="When the mail in the queue was the new one, too.")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(finished_at__isnull=True), name="publication_unfinished")
        ]

    def __str__(self) -> str:
        return f"publication of {self.version}"

    @property
    def is_moving(self) -> bool:
        """Whether people are still being moved."""
        return self.moved_at is None


class StepKind(models.TextChoices):
    EMAIL = "email", "Email"
    WAIT = "wait", "Wait"
    WAIT_FOR = "wait_for", "Wait for an event"
    BRANCH = "branch", "Branch"
    SPLIT = "split", "Random split"
    ACTION = "action", "Action"
    GOAL = "goal", "Goal"
    JUMP = "jump", "Jump"
    EXIT = "exit", "Exit"


class Step(models.Model):
    """One step of a version; `key` stays the same across versions, `lane` is "root" or "<key of a step>.<outcome>".

    An email takes its content from a template's version, or carries it itself (`format`, `source`, `text_source`).
    `config` holds the settings of all other kinds (`sequences.kinds`) but for the plain duration of a wait.
    """

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=20, editable=False)
    lane = models.CharField(max_length=60, default=ROOT_LANE, editable=False)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=StepKind.choices, default=StepKind.EMAIL)
    wait = models.DurationField(null=True, blank=True, help_text="For a wait: counted from the email's acceptance.")
    config = models.JSONField("settings", default=dict, db_default={}, blank=True)
    template_version = models.ForeignKey(
        TemplateVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    subject = models.TextField(blank=True, default="", help_text="Empty: the template's own.")
    preheader = models.TextField(blank=True, default="", help_text="Empty: the template's own.")
    format = models.CharField(max_length=4, choices=Format.choices, default=Format.HTML)
    source = models.TextField(blank=True, default="", help_text="The content, if it isn't a template's.")
    text_source = models.TextField(blank=True, default="", help_text="Empty: the text part is made from the HTML.")
    mailing = models.ForeignKey(Mailing, on_delete=models.PROTECT, null=True, editable=False, related_name="steps")
    experiment = models.ForeignKey(
        Experiment,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="steps",
        verbose_name="A/B test",
        help_text="Decides which of its versions each contact gets; the step's own content is what they differ from.",
    )

    class Meta:
        ordering = ["version", "lane", "position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "key"], name="step_key_once"),
            models.UniqueConstraint(
                fields=["version", "lane", "position"],
                name="step_position_once",
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]

    def __str__(self) -> str:
        return self.subject or self.get_kind_display()

    @property
    def is_plain(self) -> bool:
        """Whether it is an email or a wait of a plain duration outside any branch: what a simple list can edit."""
        return self.lane == ROOT_LANE and (
            self.kind == StepKind.EMAIL or (self.kind == StepKind.WAIT and not self.config)
        )


class DraftEdit(models.Model):
    """One edit of a draft and the steps as they were after it; undoing and redoing are edits too.

    `undo_to` and `redo_to` are the revisions whose steps an undo or a redo would bring back, if there is any.
    """

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="edits")
    revision = models.PositiveIntegerField(help_text="The draft's revision that the edit made.")
    steps = models.JSONField(help_text="The rows after it (sequences.services.history).")
    what = models.CharField(max_length=200, blank=True, default="", help_text="What was done, for people.")
    undoes = models.CharField(max_length=200, blank=True, default="", help_text="What an undo would take back.")
    actor = models.CharField(max_length=200, blank=True, default="", help_text="As in the audit trail: user:1.")
    undo_to = models.PositiveIntegerField(null=True)
    redo_to = models.PositiveIntegerField(null=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["version", "revision"]
        constraints = [models.UniqueConstraint(fields=["version", "revision"], name="draft_edit_revision_once")]

    def __str__(self) -> str:
        return f"{self.what} (revision {self.revision})"


class StepComment(models.Model):
    """What a member says about a step; it stays with the step's key, whatever version that stands in."""

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="comments")
    step_key = models.CharField(max_length=20, editable=False)
    text = models.TextField(max_length=2000)
    author = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    resolved_at = models.DateTimeField(null=True, editable=False)
    resolved_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+")

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["sequence", "step_key"], name="step_comment_of_step")]

    def __str__(self) -> str:
        return self.text[:80]


class EnrolmentState(models.IntegerChoices):
    ACTIVE = 0, "Active"
    COMPLETED = 1, "Completed"
    STOPPED = 2, "Stopped"
    HELD = 3, "Held"


OPEN_STATES = (EnrolmentState.ACTIVE, EnrolmentState.HELD)


class Enrolment(models.Model):
    """One contact on its way through a sequence; `due_at` is when the engine must look at it next.

    Held: it fell due while the sequence was paused, and keeps its `due_at`.  No foreign key is checked by the database,
    which would cost more than the row: contacts announce their deletion, mailboxes their removal, and nothing else goes.  The narrow index finds what is due, a second
    one what is still open; fillfactor leaves room on the page (raw SQL in a migration).
    """

    sequence = models.ForeignKey(
        Sequence, on_delete=models.CASCADE, related_name="enrolments", db_index=False, db_constraint=False
    )
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    mailbox = models.ForeignKey(
        Mailbox, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    entry_key = models.TextField(default="", db_default="")
    rotation = models.PositiveIntegerField(default=0, db_default=0)
    # Only drafts are ever deleted, on which nobody stands: no look through a million rows for that.
    version = models.ForeignKey(
        Version, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    step_key = models.CharField(max_length=20)
    state = models.SmallIntegerField(
        choices=EnrolmentState.choices, default=EnrolmentState.ACTIVE, db_default=EnrolmentState.ACTIVE
    )
    reason = models.CharField(max_length=40, default="", db_default="")
    enrolled_at = models.DateTimeField()
    entered_step_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, help_text="Empty: waiting for a message to be accepted, or finished.")
    away_until = models.DateTimeField(null=True, help_text="No email goes before: an automatic reply said so.")
    event_id = models.BigIntegerField(
        "event ID",
        null=True,
        editable=False,
        help_text="The custom event that let the contact in, for its merge fields.",
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["sequence", "contact", "entry_key"], name="enrolment_entry_once")
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(state=0, due_at__isnull=False), name="enrolment_due"),
            models.Index(fields=["sequence"], condition=models.Q(state__in=(0, 3)), name="enrolment_open"),
        ]

    def __str__(self) -> str:
        return f"enrolment {self.pk}"


class Decision(models.Model):
    """Which lane an enrolment took at a step, and why: what was known at that moment.  Without a lane: what an action did.

    Once per step and rotation, never changed.  No foreign keys, as for enrolments; written by one statement a batch.
    """

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.CASCADE, related_name="decisions", db_index=False, db_constraint=False
    )
    step_key = models.CharField(max_length=20)
    rotation = models.PositiveIntegerField()
    lane = models.CharField(max_length=20)
    inputs = models.JSONField()
    decided_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["enrolment", "step_key", "rotation"], name="decision_once"),
        ]

    def __str__(self) -> str:
        return f"{self.step_key}: {self.lane}"


class Intervention(models.Model):
    """What somebody did by hand to people on their way: a row a deed, for the audit trail and to take it back."""

    class Deed(models.TextChoices):
        MOVE = "move", "Moved to a step"
        SKIP = "skip", "Let skip a wait"
        STOP = "stop", "Stopped"
        RESTART = "restart", "Restarted"

    sequence = models.ForeignKey(Sequence, on_delete=models.CASCADE, related_name="+")
    deed = models.CharField(max_length=7, choices=Deed.choices)
    to_step = models.CharField("step", max_length=20, blank=True, default="")
    people = models.PositiveIntegerField()
    made_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_deed_display().lower()}: {self.people:,}"


class Intervened(models.Model):
    """One enrolment of an intervention: where it stood before, and where it was put."""

    intervention = models.ForeignKey(Intervention, on_delete=models.CASCADE, related_name="enrolments")
    enrolment = models.ForeignKey(Enrolment, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    before = models.JSONField()
    after = models.JSONField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"enrolment {self.enrolment_id} of intervention {self.intervention_id}"


class OutboxKind(models.TextChoices):
    WEBHOOK = "webhook", "Webhook"
    NOTIFY = "notify", "Mail to the team"


class OutboxState(models.IntegerChoices):
    WAITING = 0, "Waiting"
    DONE = 1, "Done"
    FAILED = 2, "Failed"


class OutboxItem(models.Model):
    """What an action tells others: written by the transaction that moves the contact, delivered by a task of its own.

    `target` is the webhook's URL or the id of the member's user.  `due_at` is when it is tried (again); while it is tried, when
    the try is given up for lost.  No foreign keys but the workspace's, as for enrolments.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.CASCADE, related_name="outbox", db_index=False, db_constraint=False
    )
    step_key = models.CharField(max_length=20)
    rotation = models.PositiveIntegerField()
    kind = models.CharField(max_length=7, choices=OutboxKind.choices)
    target = models.TextField()
    payload = models.JSONField()
    state = models.SmallIntegerField(
        choices=OutboxState.choices, default=OutboxState.WAITING, db_default=OutboxState.WAITING
    )
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    status = models.PositiveSmallIntegerField(null=True, help_text="What the URL answered last.")
    error = models.TextField(default="", db_default="", help_text="Why the last try failed.")
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["enrolment", "step_key", "rotation", "target"], name="outbox_item_once")
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(state=0), name="outbox_due"),
            models.Index(fields=["finished_at"], condition=models.Q(finished_at__isnull=False), name="outbox_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.enrolment_id}"
