"""Reports turned into charts."""

from datetime import datetime

from analytics.series import Point
from frontend.charts import Chart, Series


def activity_chart(points: list[Point], *, unit: str) -> Chart:
    """Draw messages, human opens and clicks, unsubscribes and failures; one label a point."""
    return Chart(
        kind="line",
        labels=[_label(point.at, unit) for point in points],
        series=[
            Series("Sent", [point.accepted for point in points], colour="blue", fill=True),
            Series("Opens", [point.opens for point in points], colour="green", dashed=True),
            Series("Clicks", [point.clicks for point in points], colour="purple"),
            Series("Unsubscribes", [point.unsubscribed for point in points], colour="orange", dashed=True),
            Series("Failures", [point.failures for point in points], colour="red"),
        ],
    )


def _label(at: datetime, unit: str) -> str:
    day = f"{at.day} {at:%b}"
    return f"{day}, {at:%H:%M}" if unit == "hour" else day
