"""What recipients did elsewhere counts for the email that they were sent in a test of conversions."""

from django.db import connection

from abtests.models import Experiment, Metric
from delivery import services as delivery
from tracking.events import CustomEventsRecorded


def note_custom_events(fact: CustomEventsRecorded) -> None:
    """Handler: these events convert the messages of tests that ask for them, if they happened within the window of each one's own.

    Events reach a test whether it runs or is over by now: what is shown afterwards counts to the end of the last window.
    """
    with connection.cursor() as cursor:
        # The few tests of the workspace that ask for an event, then a contact's arm and messages by their keys.
        cursor.execute(
            """
            SELECT m.id, v.occurred_at FROM abtests_experiment e
            JOIN tracking_customevent v ON v.id = ANY (%(events)s) AND v.name = e.event_name
            JOIN abtests_assignment a ON a.experiment_id = e.id AND a.contact_id = v.contact_id
            JOIN abtests_variant arm ON arm.id = a.variant_id
            JOIN delivery_message m ON m.contact_id = v.contact_id AND m.mailing_id = arm.mailing_id
            WHERE e.workspace_id = %(workspace)s AND e.metric = %(conversion)s AND e.state <> %(planned)s
                AND v.occurred_at >= m.accepted_at
                AND v.occurred_at <= m.accepted_at + e.window_hours * interval '1 hour'
            ORDER BY m.id, v.occurred_at
            """,
            {
                "events": fact.event_ids,
                "workspace": fact.workspace_id,
                "conversion": Metric.CONVERSION,
                "planned": Experiment.State.PLANNED,
            },
        )
        found = cursor.fetchall()
    if found:
        delivery.record_conversions(message_ids=[pk for pk, _ in found], at=[at for _, at in found])
