import secrets
from datetime import time
from zoneinfo import ZoneInfo

from django.db import models

from contacts.models import List, Segment
from core import clock
from delivery.models import Mailbox, Mailing
from sequences.models import Sequence
from team.models import User, Workspace


class Kind(models.TextChoices):
    BROADCAST = "broadcast", "Broadcast"
    DRIP = "drip", "Drip sequence"
    TRIGGERED = "triggered", "Triggered"


class Status(models.TextChoices):
    DRAFT = "draft", "Draft"
    SCHEDULED = "scheduled", "Scheduled"
    RUNNING = "running", "Running"
    PAUSED = "paused", "Paused"
    COMPLETED = "completed", "Completed"
    CANCELLED = "cancelled", "Cancelled"


class Campaign(models.Model):
    """A way for contacts to enter a sequence: who, when, from which mailboxes."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.BROADCAST)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.DRAFT, editable=False)
    sequence = models.OneToOneField(Sequence, on_delete=models.PROTECT, editable=False, related_name="campaign")
    lists = models.ManyToManyField(List, blank=True, related_name="+")
    segments = models.ManyToManyField(Segment, blank=True, related_name="+")
    excluded_lists = models.ManyToManyField(List, blank=True, related_name="+")
    excluded_segments = models.ManyToManyField(Segment, blank=True, related_name="+")
    mailboxes = models.ManyToManyField(Mailbox, blank=True, related_name="+")
    track_opens = models.BooleanField(default=True)
    track_clicks = models.BooleanField(default=True)
    send_at = models.DateTimeField(null=True, blank=True, help_text="Empty: at once when launched.")
    time_zone = models.CharField(max_length=64, default="UTC", help_text="In which the schedule is shown and entered.")
    window = models.JSONField(
        default=dict,
        blank=True,
        help_text='Sending hours by the recipient\'s clock: {"weekdays": [0], "start": "09:00", "end": "17:00"}; {}: any.',
    )
    holdout_share = models.FloatField(
        "share held out",
        default=0.0,
        help_text="0 to 0.5 of those who would get it: they get nothing, for a comparison.",
    )
    holdout_event = models.CharField(
        "event that counts", max_length=100, blank=True, default="", help_text="What the mail is meant to bring about."
    )
    holdout_days = models.PositiveSmallIntegerField(
        "days that count", default=14, help_text="So long after they got it, or were held out."
    )
    is_necessary = models.BooleanField(
        "necessary", default=False, help_text="Goes to the workspace's held-out group, too, as a receipt must."
    )
    version = models.PositiveIntegerField(default=1, editable=False, help_text="Grows with every edit: stale tabs.")
    problem = models.TextField(blank=True, default="", editable=False, help_text="Why it could not start by itself.")
    lost_audience = models.JSONField(
        default=list, editable=False, help_text="Lists and segments deleted since: [{kind, name, excluded}]"
    )
    launched_at = models.DateTimeField(null=True, editable=False)
    completed_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["-id"]
        # By a share alone; the other actions are Django's own.
        permissions = [("send_campaign", "Can send campaign")]
        indexes = [
            models.Index(fields=["send_at"], condition=models.Q(status="scheduled"), name="campaign_due"),
            models.Index(
                fields=["workspace"], condition=models.Q(status__in=("running", "paused")), name="campaign_unfinished"
            ),
            models.Index(fields=["workspace", "-id"], name="campaign_workspace"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_triggered(self) -> bool:
        return self.kind == Kind.TRIGGERED

    @property
    def is_long(self) -> bool:
        """Whether it can have several steps."""
        return self.kind != Kind.BROADCAST

    @property
    def leaves(self) -> str:
        """When it leaves, as clocks in its zone show it; empty: at once."""
        if self.send_at is None:
            return ""
        local = self.send_at.astimezone(ZoneInfo(self.time_zone))
        return f"{local.day} {local:%b %Y, %H:%M} ({self.time_zone})"


# The event that a sign-up becomes; its property "form_id" names the form.
SIGNED_UP = "form.signed_up"


class TriggerKind(models.TextChoices):
    EVENT = "event", "An event"
    LIST = "list", "A list is entered"
    SEGMENT = "segment", "A segment is entered"
    DATE = "date", "A date"
    FORM = "form", "A sign-up form"
    OUTCOME = "outcome", "Another campaign's outcome"


class Outcome(models.TextChoices):
    """What became of a contact in another campaign."""

    COMPLETED = "completed", "Went all the way"
    GOAL = "goal", "Reached the goal"
    EXITED = "exited", "Left by an exit step"
    REPLIED = "replied", "Replied"
    OPENED = "opened", "Opened an email"
    CLICKED = "clicked", "Clicked in an email"


class Reentry(models.TextChoices):
    ONCE = "once", "Once"
    KEY = "key", "Once for each value of a property"
    GAP = "gap", "Again after a while"


class Trigger(models.Model):
    """What lets contacts into a triggered campaign, one by one, for as long as it runs.

    `is_live` and `since` are pushed down by the campaign's life, so that whoever asks which triggers an event, a list or a
    campaign has needs one narrow index.
    """

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="trigger")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=TriggerKind.choices, default=TriggerKind.EVENT)
    event = models.CharField("name of the event", max_length=100, blank=True, default="")
    where = models.JSONField("properties that must be equal", default=dict, blank=True)
    list = models.ForeignKey(List, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    segment = models.ForeignKey(Segment, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    form = models.ForeignKey("SignUpForm", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    field = models.CharField(
        "date field", max_length=60, blank=True, default="", help_text="The key of a custom field."
    )
    days = models.IntegerField("days after", default=0, help_text="After the date; below 0: before it.")
    at = models.TimeField(default=time(9), help_text="By the contact's clock; the workspace's where that is unknown.")
    yearly = models.BooleanField("every year", default=False)
    source = models.ForeignKey(
        Campaign, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name="other campaign"
    )
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True, default="")
    reentry = models.CharField("how often", max_length=4, choices=Reentry.choices, default=Reentry.ONCE)
    entry_property = models.CharField(
        max_length=100, blank=True, default="", help_text="Of the event: who enters once for each of its values."
    )
    gap = models.DurationField(null=True, blank=True, help_text="At least so long after the last entry.")
    entry_filter = models.JSONField(default=dict, blank=True, help_text="A segment's definition; {}: everybody.")
    include_current = models.BooleanField(
        default=False, help_text="Whether who is in the list or segment at the start enters, too."
    )
    is_live = models.BooleanField("live", default=False, editable=False)
    since = models.DateTimeField(null=True, editable=False, help_text="What was before doesn't count.")
    looked_at = models.DateTimeField(null=True, editable=False, help_text="When the segment or the dates were asked.")
    look_at = models.DateTimeField(null=True, editable=False, help_text="When they are asked next.")
    baseline = models.JSONField(null=True, editable=False, help_text="The segment's definition that was asked last.")

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "kind", "event"], condition=models.Q(is_live=True), name="trigger_live"),
            models.Index(fields=["look_at"], condition=models.Q(is_live=True), name="trigger_look"),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


class Arrival(models.Model):
    """Somebody whom a trigger has called and who hasn't entered: waits to be tried (again), or was turned away.

    Who enters leaves no row here: the enrolment says it.  No foreign key to the contact: contacts announce their deletion.
    """

    class State(models.IntegerChoices):
        WAITING = 0, "Waiting"
        TURNED_AWAY = 1, "Turned away"

    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="arrivals", db_index=False)
    contact_id = models.BigIntegerField("contact ID", db_index=True)
    entry_key = models.TextField(default="", db_default="")
    event_id = models.BigIntegerField("event ID", null=True)
    state = models.SmallIntegerField(choices=State.choices, default=State.WAITING, db_default=State.WAITING)
    reason = models.CharField(max_length=20, default="", db_default="")
    arrived_at = models.DateTimeField()
    try_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["trigger", "contact_id", "entry_key"], name="arrival_once")]
        indexes = [models.Index(fields=["try_at"], condition=models.Q(state=0), name="arrival_due")]

    def __str__(self) -> str:
        return f"contact {self.contact_id}"


def new_token() -> str:
    """Return what names a form to the public, and can't be guessed."""
    return secrets.token_urlsafe(12)


class SignUpForm(models.Model):
    """A page on which people sign up by themselves, here or within another site.

    With double opt-in nobody is signed up before they have pressed the button of a page that only their mail leads to.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=120)
    token = models.CharField(max_length=24, unique=True, default=new_token, editable=False)
    title = models.CharField(max_length=200)
    text = models.TextField("introduction", blank=True, default="")
    fields = models.JSONField(default=list, blank=True, help_text="What is asked beside the address: keys of fields.")
    lists = models.ManyToManyField(List, blank=True, related_name="+")
    consent_text = models.TextField(blank=True, default="", help_text="With a box to tick; empty: no box.")
    double_opt_in = models.BooleanField(default=True)
    mailbox = models.ForeignKey(
        Mailbox, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", help_text="Sends the confirmation."
    )
    mail_subject = models.CharField(max_length=200, default="Please confirm your subscription")
    mail_text = models.TextField(default="Press the button to confirm that you want to hear from us.")
    thanks = models.TextField(default="Thank you. You are signed up.")
    redirect_url = models.URLField("page to go on to", blank=True, default="", help_text="Instead of the thanks.")
    is_open = models.BooleanField("takes sign-ups", default=True)
    mailing = models.ForeignKey(Mailing, on_delete=models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "sign-up form"
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="sign_up_form_name_once")]

    def __str__(self) -> str:
        return self.name


class SignUp(models.Model):
    """Somebody who has filled in a form: what they gave and agreed to, when and from where.  The record of their consent."""

    form = models.ForeignKey(SignUpForm, on_delete=models.CASCADE, related_name="sign_ups", db_index=False)
    email = models.CharField(max_length=320)
    values = models.JSONField(default=dict)
    consent_text = models.TextField(blank=True, default="")
    ip = models.GenericIPAddressField("IP address", null=True)
    submitted_at = models.DateTimeField(default=clock.now)
    confirmed_at = models.DateTimeField(null=True)
    confirmed_ip = models.GenericIPAddressField(null=True)
    contact_id = models.BigIntegerField("contact ID", null=True, db_index=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["form", "-id"], name="sign_up_form")]

    def __str__(self) -> str:
        return f"sign-up of {self.email}"


class SegmentMember(models.Model):
    """A contact that was in the trigger's segment when it was asked last: who is in it now and has no row has entered it."""

    pk = models.CompositePrimaryKey("trigger_id", "contact_id")
    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="+", db_index=False)
    contact_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"contact {self.contact_id} of trigger {self.trigger_id}"


class Edit(models.Model):
    """What one edit of a draft changed, so that a stale tab can be told."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="edits")
    version = models.PositiveIntegerField(help_text="The campaign's version that the edit made.")
    what = models.CharField(max_length=200, help_text="The parts that were changed, for people.")
    actor = models.CharField(max_length=200, blank=True, default="")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["version"]
        constraints = [models.UniqueConstraint(fields=["campaign", "version"], name="edit_version_once")]

    def __str__(self) -> str:
        return f"{self.what} (version {self.version})"


class Launch(models.Model):
    """How far a launched campaign's recipients have been enrolled: the position from which any worker can go on."""

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, related_name="launch")
    expected = models.PositiveIntegerField(default=0, help_text="Recipients counted when it was launched.")
    enrolled = models.PositiveIntegerField(default=0)
    part = models.PositiveSmallIntegerField(
        null=True, help_text="The part of an A/B test that is being enrolled; empty: everybody (else)."
    )
    last_contact_id = models.BigIntegerField(default=0, help_text="The position within that part.")
    waits_for_test = models.BooleanField(
        default=False, help_text="Until the test's next part goes out, or its verdict."
    )
    started_at = models.DateTimeField(default=clock.now)
    progressed_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "launches"
        indexes = [
            models.Index(
                fields=["progressed_at"], condition=models.Q(finished_at__isnull=True), name="launch_unfinished"
            )
        ]

    def __str__(self) -> str:
        return f"launch of {self.campaign_id}"


class Check(models.Model):
    """One run of the pre-flight check over a campaign, with its findings; `position` is where any worker can go on."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="checks")
    campaign_version = models.PositiveIntegerField()
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.RUNNING)
    recipients = models.PositiveIntegerField(default=0)
    suppressed = models.PositiveIntegerField(default=0)
    rendered = models.PositiveIntegerField(default=0)
    position = models.BigIntegerField(default=0, editable=False, help_text="The last contact that was rendered.")
    findings = models.JSONField(default=list, help_text="[{code, level, message, count, examples, …}]")
    error = models.TextField(blank=True, default="")
    started_at = models.DateTimeField(default=clock.now)
    progressed_at = models.DateTimeField(default=clock.now, editable=False)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["progressed_at"], condition=models.Q(status="running"), name="check_running"),
        ]

    def __str__(self) -> str:
        return f"check of {self.campaign_id}"

    @property
    def has_errors(self) -> bool:
        return any(finding["level"] == "error" for finding in self.findings)

    @property
    def has_warnings(self) -> bool:
        return any(finding["level"] == "warning" for finding in self.findings)


class HoldoutGroup(models.Model):
    """The share of a workspace's contacts that gets no campaign for a while; each renewal is a row, and draws others."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    share = models.FloatField(help_text="Of all contacts, up to 0.5.")
    renew_months = models.PositiveSmallIntegerField("months until others are drawn", default=3, help_text="0: never.")
    since = models.DateTimeField(default=clock.now, editable=False)
    until = models.DateTimeField(null=True, editable=False, help_text="Empty: it stands.")

    class Meta:
        verbose_name = "held-out group"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace"], condition=models.Q(until__isnull=True), name="holdout_group_one_stands"
            )
        ]

    def __str__(self) -> str:
        return f"{self.share:.0%} since {self.since:%Y-%m-%d}"


class HeldOut(models.Model):
    """A contact that would have entered a campaign and was held out of it: gets nothing of it, now or later."""

    class Cause(models.IntegerChoices):
        GROUP = 0, "The workspace's held-out group"
        CAMPAIGN = 1, "The campaign's own share"

    pk = models.CompositePrimaryKey("campaign_id", "contact_id")
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="+", db_index=False)
    contact_id = models.BigIntegerField("contact ID", db_index=True)
    cause = models.SmallIntegerField(choices=Cause.choices)
    held_at = models.DateTimeField()

    class Meta:
        verbose_name = "held-out contact"

    def __str__(self) -> str:
        return f"contact {self.contact_id} of campaign {self.campaign_id}"
