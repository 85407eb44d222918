import secrets

from django.db import models

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
