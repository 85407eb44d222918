"""Celery's beat schedule: everything that happens by itself, on one page.

A tick must cost in proportion to what is due, never to what exists; two beats, or a tick that is run twice, are harmless.
"""

from typing import TypedDict

from config.heartbeats import BEAT_INTERVAL


class Entry(TypedDict):
    """One line of the schedule; `schedule` is in seconds."""

    task: str
    schedule: float
    options: dict[str, float]


def every(seconds: float, task: str, *, expires: float | None = None) -> Entry:
    """Run `task` every so many seconds; a run that no worker took before the next one is due is dropped, not piled up.

    `expires` (seconds) lets it wait longer, where standing behind long tasks must not mean never.
    """
    return {"task": task, "schedule": seconds, "options": {"expires": max(expires or seconds, 1.0)}}


BEAT_SCHEDULE: dict[str, Entry] = {
    "forget idempotency keys": every(3600, "integrations.tasks.forget_old_keys"),
    "deliver webhooks": every(2, "integrations.tasks.deliver_webhooks"),
    "forget old webhooks": every(3600, "integrations.tasks.forget_deliveries"),
    "record beat": every(BEAT_INTERVAL.total_seconds(), "config.tasks.record_beat"),
    "deliver facts": every(1, "core.tasks.deliver_facts"),
    "send due mail": every(1, "delivery.tasks.dispatch"),
    "settle abandoned batches": every(5, "delivery.tasks.settle_abandoned", expires=60),
    "tidy the ledger": every(3600, "delivery.tasks.tidy_ledger"),
    "forget old facts": every(3600, "core.tasks.forget_old_facts"),
    "check sending domains": every(300, "delivery.tasks.check_due_domains"),
    # The drainer is a process of its own; this brings hits in where none runs.
    "drain hits": every(30, "tracking.tasks.drain_hits"),
    "tidy event store": every(3600, "tracking.tasks.tidy_event_store"),
    "advance due enrolments": every(1, "sequences.tasks.advance_due"),
    "deliver the outbox": every(2, "sequences.tasks.deliver_outbox"),
    "forget old outbox items": every(3600, "sequences.tasks.forget_outbox"),
    "sweep closed sequences": every(30, "sequences.tasks.sweep_closed"),
    "continue publications": every(5, "sequences.tasks.continue_publications", expires=60),
    # While all workers send, each for seconds at a time, these stand behind them; they cost next to nothing.
    "launch due campaigns": every(1, "campaigns.tasks.launch_due_campaigns", expires=10),
    "complete finished campaigns": every(2, "campaigns.tasks.complete_finished_campaigns", expires=20),
    "look at segments and dates": every(10, "campaigns.tasks.look_at_triggers", expires=60),
    "let in who was called": every(5, "campaigns.tasks.admit_due"),
    "renew held-out groups": every(600, "campaigns.tasks.renew_due_groups"),
    "resume stalled campaign work": every(10, "campaigns.tasks.resume_stalled"),
    "let parts of tests go out": every(5, "abtests.tasks.release_due_batches", expires=60),
    "look at tests": every(20, "abtests.tasks.take_due_looks", expires=60),
    "sum up tests": every(30, "abtests.tasks.refresh_summaries", expires=60),
    "resume imports": every(30, "contacts.tasks.resume_imports"),
    "clean imports": every(3600, "contacts.tasks.clean_imports"),
}
