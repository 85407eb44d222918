"""What the pages of mailboxes draw."""

from collections.abc import Sequence

from delivery.models import MailboxDay
from frontend.charts import Chart, Series


def mailbox_days(days: Sequence[MailboxDay]) -> Chart:
    """Return what a mailbox sent a day against what it was allowed, oldest first."""
    return Chart(
        "bar",
        [f"{day.day.day} {day.day:%b}" for day in days],
        [
            Series("Sent", [day.sent for day in days], "blue"),
            Series("Allowed", [day.cap for day in days], "grey"),
            Series("Bounced", [day.bounced for day in days], "red", hidden=True),
            Series("Complaints", [day.complained for day in days], "orange", hidden=True),
        ],
    )
