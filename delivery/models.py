from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models

from contacts.models import Contact
from core import clock
from team.models import Workspace


class Mailbox(models.Model):
    """An address that mail is sent from, and the server that takes it."""

    class Security(models.TextChoices):
        STARTTLS = "starttls", "STARTTLS"
        TLS = "tls", "TLS from the start"
        PLAIN = "plain", "None (only on a trusted network)"

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"

    class OnUnknown(models.TextChoices):
        HOLD = "hold", "Hold and show it"
        RESEND = "resend", "Send it again"

    class RampUnit(models.TextChoices):
        MESSAGES = "messages", "Messages"
        PERCENT = "percent", "Percent"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    from_name = models.CharField(max_length=150, blank=True, default="")
    from_email = models.EmailField(max_length=320)
    reply_to = models.EmailField(max_length=320, blank=True, default="")
    smtp_host = models.CharField(max_length=255)
    smtp_port = models.PositiveIntegerField(default=587)
    smtp_security = models.CharField(max_length=8, choices=Security.choices, default=Security.STARTTLS)
    smtp_username = models.CharField(max_length=255, blank=True, default="")
    smtp_password_encrypted = models.TextField(blank=True, default="", editable=False)
    smtp_verify = models.BooleanField(
        "check the certificate",
        default=True,
        help_text="Off only for a server of your own with a certificate made by yourself.",
    )
    max_connections = models.PositiveSmallIntegerField(default=4, help_text="Connections of one worker at a time.")
    on_unknown = models.CharField(
        "a message whose fate is unknown",
        max_length=6,
        choices=OnUnknown.choices,
        default=OnUnknown.HOLD,
        help_text="After a crash it may be unknown whether the server took a message. A resend bears the same Message-ID.",
    )
    per_second = models.PositiveIntegerField("messages a second", null=True, blank=True)
    per_minute = models.PositiveIntegerField("messages a minute", null=True, blank=True)
    per_day = models.PositiveIntegerField("messages a day", null=True, blank=True)
    time_zone = models.CharField(
        max_length=64, blank=True, default="", help_text="Whose midnight starts a new day; empty: the workspace's."
    )
    ramp_start = models.PositiveIntegerField(
        "warm-up: messages on the first day", null=True, blank=True, help_text="Empty: no warm-up."
    )
    ramp_growth = models.PositiveIntegerField("warm-up: growth a day", default=20)
    ramp_unit = models.CharField("warm-up: growth in", max_length=8, choices=RampUnit.choices, default=RampUnit.PERCENT)
    ramp_target = models.PositiveIntegerField("warm-up: messages a day in the end", default=5000)
    ramp_since = models.DateTimeField(null=True, editable=False, help_text="When the warm-up was switched on.")
    status = models.CharField(max_length=6, choices=Status.choices, default=Status.ACTIVE)
    paused_reason = models.TextField(blank=True, default="", editable=False)
    retry_at = models.DateTimeField(null=True, editable=False, help_text="The server can't be used before this moment.")
    failing_since = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveSmallIntegerField(default=0, editable=False, help_text="Connections failed in a row.")
    last_error = models.TextField(blank=True, default="", editable=False)
    archived_at = models.DateTimeField(null=True, editable=False, help_text="Removed, but its messages are kept.")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["from_email"]
        verbose_name_plural = "mailboxes"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "from_email"],
                condition=models.Q(archived_at=None),
                name="mailbox_address_once",
                violation_error_message="There is a mailbox with this address already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.from_name} <{self.from_email}>" if self.from_name else self.from_email

    @property
    def has_password(self) -> bool:
        return bool(self.smtp_password_encrypted)


class Mailing(models.Model):
    """One piece of mail as it is sent to many: frozen content, tracking and the state pushed down from above."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        CANCELLED = "cancelled", "Cancelled"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=200)
    format = models.CharField(max_length=4)
    subject = models.TextField()
    preheader = models.TextField(blank=True, default="")
    source = models.TextField()
    text_source = models.TextField(blank=True, default="")
    context = models.JSONField(default=dict, help_text="Merge fields that are the same for all: campaign.*")
    own_fields = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Whether it says something of what led to each message: event.*",
    )
    track_opens = models.BooleanField(default=True)
    track_clicks = models.BooleanField(default=True)
    window = models.JSONField(
        default=dict, blank=True, help_text='When it may leave: {"weekdays": [0], "start": "09:00", "end": "17:00"}.'
    )
    thread = ArrayField(
        models.TextField(), default=list, db_default=[], blank=True, help_text="What it answers (delivery.threads)."
    )
    from_name = models.TextField(
        "sender's name",
        default="",
        db_default="",
        blank=True,
        help_text="Who it says it is from; empty: as the mailbox.",
    )
    response_bounds = ArrayField(
        models.PositiveSmallIntegerField(),
        default=list,
        db_default=[],
        blank=True,
        editable=False,
        help_text="Hours after acceptance between which responses are told apart; none: they aren't counted by age.",
    )
    response_link = models.TextField(
        default="", db_default="", blank=True, editable=False, help_text="A link's label or URL that is counted by age."
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING)
    is_test = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self) -> str:
        return self.name


class MessageFields(models.Model):
    """Merge fields that one message has of its own (event.*), for the mailings that use them."""

    message_id = models.BigIntegerField("message ID", primary_key=True)
    fields = models.JSONField()

    class Meta:
        verbose_name_plural = "message fields"

    def __str__(self) -> str:
        return f"fields of message {self.message_id}"


class MessageState(models.IntegerChoices):
    QUEUED = 0, "Queued"
    ACCEPTED = 1, "Accepted"
    DEFERRED = 2, "Deferred"
    FAILED = 3, "Failed"
    SKIPPED = 4, "Skipped"
    CANCELLED = 5, "Cancelled"
    UNKNOWN = 6, "Unknown"


class Message(models.Model):
    """The ledger: one row per recipient and email step, written before anything is sent.

    No index covers a column that changes, so that updates stay HOT (a low fillfactor by raw SQL); `key` is opaque, given by
    the creator. `contact` has no constraint: a deleted contact's messages stay, with a number that says nothing. The others
    have none either (decision 0028): `queue.insert_messages` runs with its parents locked.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    mailing = models.ForeignKey(
        Mailing, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    contact = models.ForeignKey(
        Contact, on_delete=models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False
    )
    mailbox = models.ForeignKey(
        Mailbox, on_delete=models.RESTRICT, related_name="+", db_constraint=False, db_index=False
    )
    key = models.TextField()
    to_email = models.TextField(default="", db_default="", help_text="A test's recipient; else the contact's address.")
    is_test = models.BooleanField(default=False, db_default=False)
    state = models.SmallIntegerField(
        choices=MessageState.choices, default=MessageState.QUEUED, db_default=MessageState.QUEUED
    )
    reason = models.CharField(max_length=40, default="", db_default="", help_text="A code of delivery.reasons.")
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    reply_code = models.PositiveSmallIntegerField(null=True)
    reply_text = models.TextField(default="", db_default="")
    opened_at = models.DateTimeField(null=True, help_text="First open by a human (or through an image proxy).")
    opened_any_at = models.DateTimeField(null=True, help_text="First open of any class.")
    clicked_at = models.DateTimeField(null=True)
    clicked_any_at = models.DateTimeField(null=True)
    unsubscribed_at = models.DateTimeField(null=True)
    bounced_at = models.DateTimeField(null=True)
    complained_at = models.DateTimeField(null=True)
    replied_at = models.DateTimeField(null=True)
    linked_at = models.DateTimeField(null=True, help_text="First human click on the mailing's response_link.")
    converted_at = models.DateTimeField(null=True, help_text="When it first led to what a test counts as success.")
    stratum = models.SmallIntegerField(default=0, db_default=0, help_text="The part of a test that it went out with.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="message_key_once")]
        indexes = [
            models.Index(fields=["mailing", "id"], name="message_mailing"),
            models.Index(fields=["contact", "id"], name="message_contact"),
            models.Index(fields=["workspace", "id"], name="message_workspace"),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"


class Batch(models.Model):
    """The unit of the queue: messages of one mailing and mailbox that are due together (at most 1,000)."""

    class State(models.IntegerChoices):
        QUEUED = 0, "Queued"
        HELD = 1, "Held"
        LEASED = 2, "Leased"
        DONE = 3, "Done"
        CANCELLED = 4, "Cancelled"

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="batches")
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="batches")
    message_ids = ArrayField(models.BigIntegerField())
    state = models.SmallIntegerField(choices=State.choices, default=State.QUEUED, db_default=State.QUEUED)
    due_at = models.DateTimeField()
    postponed = models.BooleanField(default=False, db_default=False, help_text="Due later only for the server's sake.")
    reason = models.CharField(
        max_length=40,
        default="",
        db_default="",
        help_text="Why it is due later than asked for: a code of delivery.reasons.",
    )
    lease_owner = models.TextField(default="", db_default="", help_text="The journal of the worker that holds it.")
    leased_at = models.DateTimeField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "batches"
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(state=0), name="batch_due"),
            models.Index(fields=["mailbox", "due_at"], condition=models.Q(state=0), name="batch_line"),
            models.Index(fields=["lease_expires_at"], condition=models.Q(state=2), name="batch_leased"),
            models.Index(
                fields=["id"], condition=models.Q(state=4, finished_at=None), name="batch_cancelled_unsettled"
            ),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk}"


class Attempt(models.Model):
    """One try of one message that did not end in plain acceptance: what was tried, when, and the server's reply."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField()
    outcome = models.SmallIntegerField(choices=MessageState.choices)
    reason = models.CharField(max_length=40)
    reply_code = models.PositiveSmallIntegerField(null=True)
    reply_text = models.TextField(default="")

    def __str__(self) -> str:
        return f"attempt on message {self.message_id}"


class Link(models.Model):
    """A URL that a mailing's tracked links may redirect to.

    `id` is the first 63 bits of a hash of mailing and URL, so that tokens can be made before the row is written.
    Not tied to the mailing by a foreign key: links in old mail keep working when the mailing is gone.
    """

    id = models.BigIntegerField(primary_key=True)
    mailing_id = models.BigIntegerField(db_index=True)
    url = models.TextField()
    label = models.TextField(default="", db_default="", help_text="The URL as written in the source, with its Liquid.")

    def __str__(self) -> str:
        return self.url


class Counter(models.Model):
    """Numbers of one mailing in one hour, written in the same transaction as the facts they count."""

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="counters", db_index=False)
    hour = models.DateTimeField()
    queued = models.IntegerField(default=0, db_default=0)
    accepted = models.IntegerField(default=0, db_default=0)
    deferred = models.IntegerField(default=0, db_default=0, help_text="Attempts that were put off.")
    failed = models.IntegerField(default=0, db_default=0)
    skipped = models.IntegerField(default=0, db_default=0)
    cancelled = models.IntegerField(default=0, db_default=0)
    unknown = models.IntegerField(default=0, db_default=0)
    bounced = models.IntegerField(default=0, db_default=0)
    complained = models.IntegerField(default=0, db_default=0)
    unsubscribed = models.IntegerField(default=0, db_default=0)
    opens_human = models.IntegerField(default=0, db_default=0, help_text="All opens by humans or through proxies.")
    opens_all = models.IntegerField(default=0, db_default=0)
    clicks_human = models.IntegerField(default=0, db_default=0)
    clicks_all = models.IntegerField(default=0, db_default=0)
    opened_human = models.IntegerField(default=0, db_default=0, help_text="Messages opened for the first time.")
    opened_any = models.IntegerField(default=0, db_default=0)
    clicked_human = models.IntegerField(default=0, db_default=0)
    clicked_any = models.IntegerField(default=0, db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailing", "hour"], name="counter_mailing_hour")]

    def __str__(self) -> str:
        return f"mailing {self.mailing_id} at {self.hour:%Y-%m-%d %H}"


class ResponseCounter(models.Model):
    """What accepted messages of one mailing, stratum and hour of acceptance led to, by how long after it (`lag`).

    Kept only for mailings with `response_bounds`: lag 0 is up to the first bound, the last one is beyond them all. A message is
    `sent` once, on lag 0, and in each other column once, by the first time. Zero where it was taken back.
    """

    mailing = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="response_counters", db_index=False)
    stratum = models.SmallIntegerField()
    sent_hour = models.DateTimeField(help_text="The hour in which the messages were accepted.")
    lag = models.SmallIntegerField(help_text="How many of the mailing's bounds had passed.")
    sent = models.IntegerField(default=0, db_default=0, help_text="Messages accepted.")
    opened = models.IntegerField(default=0, db_default=0, help_text="By a human, or through an image proxy.")
    opened_any = models.IntegerField(default=0, db_default=0)
    clicked = models.IntegerField(default=0, db_default=0)
    clicked_any = models.IntegerField(default=0, db_default=0)
    linked = models.IntegerField(default=0, db_default=0, help_text="A human clicked on the mailing's response_link.")
    replied = models.IntegerField(default=0, db_default=0)
    converted = models.IntegerField(default=0, db_default=0)
    unsubscribed = models.IntegerField(default=0, db_default=0)
    complained = models.IntegerField(default=0, db_default=0)
    bounced = models.IntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mailing", "stratum", "sent_hour", "lag"], name="response_counter_once")
        ]

    def __str__(self) -> str:
        return f"mailing {self.mailing_id}, stratum {self.stratum}, {self.sent_hour:%Y-%m-%d %H} + {self.lag}"


class MailboxCounter(models.Model):
    """What one mailbox's server said in one hour, over all mailings."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="counters", db_index=False)
    hour = models.DateTimeField()
    accepted = models.IntegerField(default=0, db_default=0)
    deferred = models.IntegerField(default=0, db_default=0)
    failed = models.IntegerField(default=0, db_default=0, help_text="Refused for good, hard bounces included.")
    bounced = models.IntegerField(default=0, db_default=0, help_text="Hard bounces: the address doesn't exist.")
    unknown = models.IntegerField(default=0, db_default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["mailbox", "hour"], name="mailbox_counter_hour")]

    def __str__(self) -> str:
        return f"mailbox {self.mailbox_id} at {self.hour:%Y-%m-%d %H}"


class MailboxDay(models.Model):
    """One local day of a mailbox: what it was allowed, what it sent, and what came of it; also the history of its warm-up."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="days", db_index=False)
    day = models.DateField()
    cap = models.PositiveIntegerField(null=True, help_text="The day's limit; empty: there was none.")
    step = models.PositiveSmallIntegerField(null=True, help_text="The step of the warm-up; empty: there was none.")
    sent = models.IntegerField(
        default=0, db_default=0, help_text="Messages offered to the server: they count to the cap."
    )
    accepted = models.IntegerField(default=0, db_default=0)
    bounced = models.IntegerField(default=0, db_default=0, help_text="Hard bounces.")
    complained = models.IntegerField(default=0, db_default=0)
    last_sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-day"]
        constraints = [models.UniqueConstraint(fields=["mailbox", "day"], name="mailbox_day_once")]

    def __str__(self) -> str:
        return f"mailbox {self.mailbox_id} on {self.day}"


class SendingRules(models.Model):
    """What holds for all mail of a workspace but tests: quiet hours, and how often one person gets mail."""

    workspace = models.OneToOneField(
        Workspace, on_delete=models.CASCADE, primary_key=True, related_name="sending_rules"
    )
    quiet_from = models.TimeField(null=True, blank=True, help_text="By the recipient's clock, or the workspace's.")
    quiet_until = models.TimeField(null=True, blank=True)
    most_messages = models.PositiveSmallIntegerField(
        "messages to one contact", null=True, blank=True, help_text="At most so many …"
    )
    most_days = models.PositiveSmallIntegerField("days", default=7, help_text="… in so many days.")

    class Meta:
        verbose_name_plural = "sending rules"

    def __str__(self) -> str:
        return f"sending rules of {self.workspace_id}"


class DomainPace(models.Model):
    """How fast a mailbox may write to one receiving domain: learnt from servers that said "too much"."""

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="domain_paces", db_index=False)
    domain = models.CharField(max_length=253)
    per_minute = models.FloatField(help_text="Messages a minute at `changed_at`; it recovers slowly from there.")
    changed_at = models.DateTimeField()
    next_at = models.DateTimeField(help_text="The next free slot.")
    last_reply = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["domain"]
        constraints = [models.UniqueConstraint(fields=["mailbox", "domain"], name="domain_pace_once")]

    def __str__(self) -> str:
        return f"{self.domain} from mailbox {self.mailbox_id}"


class MailboxPulse(models.Model):
    """How a mailbox's last messages ended, for the guard that pauses it; one row a mailbox, updated by every batch."""

    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, primary_key=True, related_name="pulse")
    outcomes = models.TextField(
        default="", db_default="", help_text="A letter a message, oldest first (delivery.pacing.guards)."
    )
    minute = models.DateTimeField(null=True, help_text="The minute in which it sent last.")
    minute_sent = models.IntegerField(default=0, db_default=0, help_text="Messages offered in that minute.")
    before_sent = models.IntegerField(default=0, db_default=0, help_text="Messages offered in the minute before it.")

    def __str__(self) -> str:
        return f"pulse of mailbox {self.mailbox_id}"


class LinkCounter(models.Model):
    """Clicks on one link of a mailing."""

    link = models.OneToOneField(Link, on_delete=models.CASCADE, primary_key=True, related_name="counter")
    clicks_human = models.IntegerField(default=0, db_default=0)
    clicks_all = models.IntegerField(default=0, db_default=0)
    clicked_human = models.IntegerField(default=0, db_default=0, help_text="Messages in which a human clicked it.")
    clicked_any = models.IntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"clicks on link {self.link_id}"


class SendingDomain(models.Model):
    """A domain that a workspace's mail comes from, with what the DNS said of it at the last look."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField("domain", max_length=253, help_text="In ASCII, lower case.")
    selectors = models.PositiveIntegerField(default=0, editable=False, help_text="Used so far; none is used twice.")
    checked_at = models.DateTimeField(null=True, editable=False)
    checks = models.JSONField(default=list, editable=False, help_text="Items of delivery.domains.checklist.")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="sending_domain_once")]

    def __str__(self) -> str:
        return self.name


class DkimKey(models.Model):
    """A key that signs a domain's mail.  Its private half never leaves the database but to sign."""

    class Algorithm(models.TextChoices):
        RSA = "rsa", "RSA, 2048 bits"
        ED25519 = "ed25519", "Ed25519"

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting for its record"
        ACTIVE = "active", "Signing"
        RETIRED = "retired", "Replaced"

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="keys")
    algorithm = models.CharField(max_length=7, choices=Algorithm.choices)
    selector = models.CharField(max_length=63)
    public = models.TextField(help_text="What the p= tag of its record holds.")
    private_encrypted = models.TextField(blank=True, default="", editable=False)
    status = models.CharField(max_length=7, choices=Status.choices, default=Status.PENDING)
    seen_at = models.DateTimeField(null=True, editable=False, help_text="When its record was last seen in the DNS.")
    activated_at = models.DateTimeField(null=True, editable=False)
    retired_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["-id"]
        verbose_name = "DKIM key"
        constraints = [
            models.UniqueConstraint(fields=["domain", "selector"], name="dkim_selector_once"),
            models.UniqueConstraint(
                fields=["domain", "algorithm"], condition=models.Q(status="active"), name="dkim_one_active_key"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.selector}._domainkey.{self.domain.name}"


class ApiAccount(models.Model):
    """An account at a provider that takes a mailbox's mail by its HTTP API, instead of the mailbox's SMTP server."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, related_name="api_account")
    provider = models.CharField(max_length=20, help_text="A key of delivery.esp.providers.")
    key_encrypted = models.TextField(editable=False)
    domain = models.CharField(
        "sending domain",
        max_length=253,
        blank=True,
        default="",
        help_text="As the provider knows it, if it asks for one.",
    )
    region = models.CharField(max_length=10, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "API account"

    def __str__(self) -> str:
        return f"{self.label} for mailbox {self.mailbox_id}"

    @property
    def label(self) -> str:
        """The provider's name as people know it."""
        return {"sendgrid": "SendGrid"}.get(self.provider, self.provider.title())


class OAuthLogin(models.Model):
    """How a mailbox gets the access tokens by which it logs in to its SMTP server (XOAUTH2), instead of a password."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, related_name="oauth_login")
    token_url = models.URLField(
        "token endpoint",
        max_length=500,
        blank=True,
        default="",
        help_text="Where access tokens are renewed; empty: they are entered by hand.",
    )
    client_id = models.CharField("client ID", max_length=500, blank=True, default="")
    client_secret_encrypted = models.TextField(blank=True, default="", editable=False)
    scope = models.CharField(
        max_length=1000, blank=True, default="", help_text="Asked for with each token, if the provider wants that."
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        verbose_name = "OAuth login"

    def __str__(self) -> str:
        return f"OAuth login of mailbox {self.mailbox_id}"

    @property
    def renews(self) -> bool:
        """Whether a new access token can be fetched."""
        return bool(self.token.refresh_encrypted)

    @property
    def expires_at(self) -> datetime | None:
        """When the access token expires, if that is known."""
        return self.token.expires_at


class OAuthToken(models.Model):
    """The tokens of a login, renewed by workers.  `renewing_until`: one of them is at it, or has just failed."""

    login = models.OneToOneField(OAuthLogin, on_delete=models.CASCADE, primary_key=True, related_name="token")
    access_encrypted = models.TextField(blank=True, default="", editable=False)
    refresh_encrypted = models.TextField(blank=True, default="", editable=False)
    obtained_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, editable=False, help_text="Empty: not known.")
    renewing_until = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return f"tokens of login {self.login_id}"
