"""Reports turned into charts."""

from datetime import datetime

from analytics.series import Point
from frontend.charts import Chart, Series

DWARFED_BY = 4


def activity_chart(points: list[Point], *, unit: str) -> Chart:
    """Draw messages, human opens and clicks, unsubscribes and failures; one label a point.

    Messages that all left at once would press the rest to the ground: they are drawn only when asked for.
    """
    sent = max((point.accepted for point in points), default=0)
    opened = max((point.opens for point in points), default=0)
    return Chart(
        kind="line",
        labels=[_label(point.at, unit) for point in points],
        series=[
            Series(
                "Sent",
                [point.accepted for point in points],
                colour="blue",
                fill=True,
                hidden=0 < opened * DWARFED_BY < sent,
            ),
            Series("Opens", [point.opens for point in points], colour="green", dashed=True),
            Series("Clicks", [point.clicks for point in points], colour="purple"),
            Series("Unsubscribes", [point.unsubscribed for point in points], colour="orange", dashed=True),
            Series("Failures", [point.failures for point in points], colour="red"),
        ],
    )


def _label(at: datetime, unit: str) -> str:
    day = f"{at.day} {at:%b}"
    return f"{day}, {at:%H:%M}" if unit == "hour" else day
