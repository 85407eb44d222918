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
