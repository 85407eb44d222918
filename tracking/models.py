from django.db import models

from core import clock


class EventKind(models.IntegerChoices):
    OPENED = 1, "Opened"
    CLICKED = 2, "Clicked"
    UNSUBSCRIBED = 3, "Unsubscribed"


class Verdict(models.IntegerChoices):
    HUMAN = 1, "Human"
    PROXIED = 2, "Human, through an image proxy"
    MACHINE = 3, "Machine"


class Event(models.Model):
    """A raw hit with its verdict: range-partitioned by month, append-only but for the verdict, no foreign keys.

    The table is made by raw SQL (partitions); its key is (id, occurred_at), and the id begins with the moment
    (`tracking.hits`), so that it leads to the partition. `message_id` and `contact_id` are empty for contacts who are
    tracked in totals only.
    """

    id = models.BigIntegerField("ID", primary_key=True)
    occurred_at = models.DateTimeField()
    kind = models.SmallIntegerField(choices=EventKind.choices)
    verdict = models.SmallIntegerField(choices=Verdict.choices)
    reason = models.CharField(max_length=40, help_text="A code of tracking.verdicts.")
    workspace_id = models.BigIntegerField("workspace ID")
    mailing_id = models.BigIntegerField("mailing ID")
    message_id = models.BigIntegerField("message ID", null=True)
    contact_id = models.BigIntegerField("contact ID", null=True)
    link_id = models.BigIntegerField("link ID", null=True)
    ip = models.GenericIPAddressField("IP address", null=True)
    user_agent = models.TextField()

    class Meta:
        managed = False
        db_table = "tracking_event"

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.occurred_at}"


class CustomEvent(models.Model):
    """Something that a contact did elsewhere: told by name, with properties, once a `key` (if it has one).

    A contact of no foreign key in the database, as for hits: contacts announce their deletion, and their events go with them.
    """

    workspace_id = models.BigIntegerField("workspace ID")
    contact_id = models.BigIntegerField("contact ID")
    name = models.CharField(max_length=100)
    properties = models.JSONField(default=dict)
    key = models.CharField(max_length=200, default="", db_default="")
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace_id", "key"], condition=~models.Q(key=""), name="custom_event_key_once"
            )
        ]
        indexes = [
            models.Index(fields=["contact_id", "name", "occurred_at"], name="custom_event_contact"),
            models.Index(fields=["workspace_id", "name", "-id"], name="custom_event_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} at {self.occurred_at}"


class BufferedHit(models.Model):
    """A hit that came while Redis was away, as the endpoint packed it; the drainer takes it from here."""

    data = models.BinaryField()

    def __str__(self) -> str:
        return f"hit {self.pk}"


class DrainedChunk(models.Model):
    """A chunk of the buffer that is in the event store: written with its events, so that none is taken twice."""

    id = models.UUIDField("ID", primary_key=True)
    drained_at = models.DateTimeField(default=clock.now)
    hits = models.PositiveIntegerField(help_text="Hits in the chunk.")
    events = models.PositiveIntegerField(help_text="Events that they became: without repeats and those not to be kept.")

    class Meta:
        indexes = [models.Index(fields=["drained_at"], name="drained_chunk_drained_at")]

    def __str__(self) -> str:
        return str(self.id)
