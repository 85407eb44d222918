from django.db import models

from core import clock


class Fact(models.Model):
    """Something that happened outside (a receipt, a hit, inbound mail), committed with its traces and never changed.

    `position` is given by the sequencer after the commit, so that a reader who has seen position n never meets a
    smaller one later; it is the cursor of handlers, webhooks and the activities feed.
    """

    workspace_id = models.BigIntegerField("workspace ID", null=True)
    kind = models.TextField()
    payload = models.JSONField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=clock.now)
    position = models.BigIntegerField(null=True, unique=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace_id", "position"], name="fact_workspace_position"),
            models.Index(fields=["kind", "position"], name="fact_kind_position"),
            models.Index(fields=["id"], condition=models.Q(position=None), name="fact_unsequenced"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class FactCursor(models.Model):
    """How far one handler has read the fact log; locked while the handler works."""

    handler = models.TextField(primary_key=True)
    position = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.handler} at {self.position}"


class FactFailure(models.Model):
    """A fact that a handler could not take; retried with a growing pause and kept until it works."""

    handler = models.TextField()
    fact = models.ForeignKey(Fact, on_delete=models.CASCADE)
    attempts = models.PositiveIntegerField(default=1)
    error = models.TextField()
    retry_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["handler", "fact"], name="fact_failure_once")]
        indexes = [models.Index(fields=["retry_at"], name="fact_failure_retry_at")]

    def __str__(self) -> str:
        return f"{self.handler} failed on fact {self.fact_id}"
