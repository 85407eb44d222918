import json
import secrets

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from core import clock
from team.models import Workspace


class IdempotencyKey(models.Model):
    """A write that a client may send again: the first answer is kept and repeated."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    request_hash = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True, help_text="Empty while the first request is under way.")
    content_type = models.CharField(max_length=100, blank=True)
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key


def new_token() -> str:
    """Return the part of a source's address that can't be guessed."""
    return secrets.token_urlsafe(18)


class EventSource(models.Model):
    """A program that tells of events by signed webhooks, and where in what it sends the parts of an event stand.

    A path is names and numbers with dots between them, as in `data.customer.email`.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    token = models.CharField(max_length=32, unique=True, default=new_token, editable=False)
    secret_encrypted = models.TextField("secret", editable=False, help_text="Signs what the source sends.")
    event_path = models.CharField("path of the event's name", max_length=200, default="type")
    email_path = models.CharField("path of the address", max_length=200, default="data.email")
    properties_path = models.CharField(
        "path of the properties", max_length=200, blank=True, default="data", help_text="Empty: the whole body."
    )
    prefix = models.CharField(
        max_length=40, blank=True, default="", help_text='Before the names of its events, as in "shop.".'
    )
    is_active = models.BooleanField("takes events", default=True)
    received_at = models.DateTimeField("last event", null=True, editable=False)
    problem = models.TextField("last problem", blank=True, default="", editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="event_source_name_once")]

    def __str__(self) -> str:
        return self.name


class WebhookEvent(models.TextChoices):
    """What a program can be told of."""

    EXPERIMENT_DECIDED = "experiment.decided", "An A/B test is over"


class WebhookEndpoint(models.Model):
    """The address of a program that is told what happens here, by signed webhooks."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    url = models.CharField(
        "address", max_length=2000, help_text="Where the program takes webhooks, as https://example.com/hook."
    )
    events = ArrayField(models.CharField(max_length=50, choices=WebhookEvent.choices), verbose_name="it is told when")
    is_active = models.BooleanField("active", default=True)
    secret_encrypted = models.TextField("secret", editable=False, help_text="Signs what it is sent.")
    old_secret_encrypted = models.TextField(
        "secret before", default="", editable=False, help_text="Signs beside the new one for a while."
    )
    old_secret_until = models.DateTimeField(null=True, editable=False)
    failing_since = models.DateTimeField(
        null=True, editable=False, help_text="The first try of those that failed since one got through."
    )
    problem = models.TextField("why it is off", blank=True, default="", editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["workspace", "url"], name="webhook_endpoint_url_once")]

    def __str__(self) -> str:
        return self.url

    @property
    def event_labels(self) -> list[str]:
        """What it is told of, in words."""
        return [str(WebhookEvent(event).label) for event in self.events]


class DeliveryState(models.IntegerChoices):
    WAITING = 0, "Waiting"
    DONE = 1, "Delivered"
    FAILED = 2, "Failed"


class WebhookDelivery(models.Model):
    """What an endpoint is told: written by the transaction that makes it true, delivered by a task of its own.

    `due_at` is when it is tried (again); while it is tried, when the try is given up for lost.
    """

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.CharField(max_length=50)
    payload = models.JSONField(help_text="The body.")
    state = models.SmallIntegerField(
        choices=DeliveryState.choices, default=DeliveryState.WAITING, db_default=DeliveryState.WAITING
    )
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    status = models.PositiveSmallIntegerField(null=True, help_text="What the address answered last.")
    error = models.TextField(default="", db_default="", help_text="Why the last try failed.")
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="webhook_delivery_log"),
            models.Index(fields=["due_at"], condition=Q(state=0), name="webhook_delivery_due"),
            models.Index(
                fields=["finished_at"], condition=Q(finished_at__isnull=False), name="webhook_delivery_finished"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.endpoint_id}"

    @property
    def is_waiting(self) -> bool:
        """Whether it is still to be told."""
        return self.state == DeliveryState.WAITING

    @property
    def state_name(self) -> str:
        """The state as programs read it."""
        return DeliveryState(self.state).name.lower()

    @property
    def body(self) -> str:
        """The body as people read it."""
        return json.dumps(self.payload, indent=2, ensure_ascii=False)
