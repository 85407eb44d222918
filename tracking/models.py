from django.db import models


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

    The table is made by raw SQL (partitions); the key is (id, occurred_at).
    """

    id = models.BigAutoField(primary_key=True)
    occurred_at = models.DateTimeField()
    kind = models.SmallIntegerField(choices=EventKind.choices)
    verdict = models.SmallIntegerField(choices=Verdict.choices)
    reason = models.CharField(max_length=40)
    workspace_id = models.BigIntegerField()
    mailing_id = models.BigIntegerField()
    message_id = models.BigIntegerField()
    contact_id = models.BigIntegerField()
    link_id = models.BigIntegerField(null=True)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.TextField()

    class Meta:
        managed = False
        db_table = "tracking_event"

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.occurred_at}"


class DrainedChunk(models.Model):
    """A chunk of the buffer that is in the event store: written with its events, so that none is taken twice."""

    id = models.UUIDField(primary_key=True)
    drained_at = models.DateTimeField()
    hits = models.PositiveIntegerField()

    def __str__(self) -> str:
        return str(self.id)
