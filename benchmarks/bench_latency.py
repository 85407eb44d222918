"""How late mail leaves: a scheduled campaign among many, a steady stream of what falls due, and a tick with nothing to do.

Beside the campaign that is due at T there are 100,000 scheduled for later and 1,000,000 enrolments that wait for days. `value`
is from T to the first acceptance. Then 1,000 contacts a second fall due for STREAM_SECONDS; lateness is from each one's moment
to the acceptance of its message. The idle tick is the slowest of the calls that beat makes every second, in this process.
"""

import os
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from benchmarks._people import make_campaign, make_mailbox, make_people, make_workspace
from benchmarks._servers import sink, workers
from benchmarks.bench_send import PROCESSES, WARM_UP, accepted, prepare, send, wait_until
from campaigns import services as campaigns
from campaigns.models import Campaign, Status
from core import clock
from delivery import services as delivery
from delivery.models import Mailbox, Message
from sequences import services as sequences
from sequences.models import Sequence
from team.models import Workspace

IDLE_ENROLMENTS = int(os.environ.get("N", "1000000"))
SCHEDULED = int(os.environ.get("SCHEDULED", "100000"))
DUE_A_SECOND = 1000
STREAM_SECONDS = 20
TICKS = 50
LEAD = timedelta(seconds=5)

# Those whose number is below `idle` wait for a day; the others fall due one after the other.
_ENROLMENTS = """
INSERT INTO sequences_enrolment (
    sequence_id, contact_id, mailbox_id, entry_key, version_id, step_key, enrolled_at, entered_step_at, due_at)
SELECT %(sequence)s, contact.id, %(mailbox)s, '', %(version)s, %(step)s, %(now)s, due.at, due.at
FROM (SELECT id, row_number() OVER (ORDER BY id) AS number FROM contacts_contact WHERE workspace_id = %(workspace)s) contact,
LATERAL (SELECT CASE WHEN contact.number <= %(idle)s THEN %(now)s + interval '1 day'
    ELSE %(start)s + (contact.number - %(idle)s) * interval '1 second' / %(rate)s END AS at) due
"""


def main() -> dict[str, Any]:
    """Return the benchmark's line."""
    with sink() as (port, _), workers(PROCESSES):
        send(prepare("warm-up", WARM_UP, port), WARM_UP)
        workspace = make_workspace("latency")
        make_mailbox(workspace, port)
        schedule_others(workspace)
        first = launch_at(workspace, clock.now() + LEAD)
        lateness = stream(workspace)
    return {
        "benchmark": "latency",
        "value": round(first, 3),
        "unit": "s",
        "p99_lateness_s": round(lateness, 3),
        "idle_tick_ms": round(idle_tick() * 1000, 2),
        "n": IDLE_ENROLMENTS,
    }


def schedule_others(workspace: Workspace) -> None:
    """Write campaigns that are scheduled for tomorrow."""
    later = clock.now() + timedelta(days=1)
    with connection.cursor() as cursor:
        cursor.execute("SET drumbeat.bulk = 'on'")
        for start in range(0, SCHEDULED, 5000):
            names = [f"Later {number}" for number in range(start, min(start + 5000, SCHEDULED))]
            made = Sequence.objects.bulk_create(Sequence(workspace=workspace, name=name) for name in names)
            Campaign.objects.bulk_create(
                Campaign(workspace=workspace, name=item.name, status=Status.SCHEDULED, sequence=item, send_at=later)
                for item in made
            )
        cursor.execute("RESET drumbeat.bulk")
        cursor.execute("VACUUM ANALYZE campaigns_campaign, sequences_sequence")


def launch_at(workspace: Workspace, moment: datetime) -> float:
    """Schedule a small campaign and return the seconds from its moment to the first acceptance."""
    other = make_workspace("due")
    make_mailbox(other, Mailbox.objects.get(workspace=workspace).smtp_port)
    campaign = make_campaign(other, make_people(other, 1000), "due")
    moment = max(moment, clock.now() + LEAD)
    campaigns.schedule_campaign(campaign, send_at=moment, accept_warnings=True)
    wait_until(lambda: accepted(other) > 0)
    first = Message.objects.filter(workspace=other).order_by("accepted_at").values_list("accepted_at", flat=True)[0]
    assert first is not None
    return (first - moment).total_seconds()


def stream(workspace: Workspace) -> float:
    """Let contacts fall due one after the other beside the idle ones; return the 99th percentile of lateness in seconds."""
    count = DUE_A_SECOND * STREAM_SECONDS
    everyone = make_people(workspace, IDLE_ENROLMENTS + count)
    campaign = make_campaign(workspace, everyone, "stream")
    sequence = campaign.sequence
    sequences.publish(sequence, context={}, track_opens=True, track_clicks=True)
    sequence.refresh_from_db()
    version = sequence.live_version
    assert version is not None
    step = version.steps.get()
    start = clock.now() + timedelta(seconds=10 + IDLE_ENROLMENTS / 20_000)
    with connection.cursor() as cursor:
        cursor.execute(
            _ENROLMENTS,
            {
                "sequence": sequence.pk, "mailbox": Mailbox.objects.get(workspace=workspace).pk, "version": version.pk,
                "step": step.key, "now": clock.now(), "idle": IDLE_ENROLMENTS, "start": start, "rate": DUE_A_SECOND,
                "workspace": workspace.pk,
            },
        )  # fmt: skip
        cursor.execute("ANALYZE sequences_enrolment")
    if clock.now() > start:
        raise RuntimeError("The stream began before it was written; this machine needs more time for that.")
    wait_until(lambda: accepted(workspace) == count)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM message.accepted_at - enrolment.entered_step_at))
            FROM delivery_message message JOIN sequences_enrolment enrolment
                ON enrolment.contact_id = message.contact_id AND enrolment.sequence_id = %s
            WHERE message.workspace_id = %s
            """,
            [sequence.pk, workspace.pk],
        )
        (lateness,) = cursor.fetchone()
    return float(lateness)


def idle_tick() -> float:
    """Return the seconds of the slowest call of a tick with nothing to do, the median of TICKS."""
    calls: list[Callable[[], int]] = [
        delivery.dispatch_due,
        sequences.advance_due,
        campaigns.launch_due_campaigns,
        campaigns.complete_finished_campaigns,
    ]
    return max(statistics.median(timed(call) for _ in range(TICKS)) for call in calls)


def timed(call: Callable[[], int]) -> float:
    """Return the seconds that one call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
