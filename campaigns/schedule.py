"""Times of sending: what a clock on the wall means in a time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from campaigns.exceptions import InvalidCampaign
from core import clock


def require_zone(name: str) -> ZoneInfo:
    """Return the time zone.  Raises InvalidCampaign when there is none of that name."""
    if name not in available_timezones():
        raise InvalidCampaign(f"There is no time zone “{name}”.", fields={"time_zone": ["Choose a time zone."]})
    return ZoneInfo(name)


def require_future(moment: datetime) -> None:
    """Raise InvalidCampaign when the moment is past or has no time zone."""
    if moment.tzinfo is None:
        raise InvalidCampaign("The time needs a time zone.", fields={"send_at": ["Give the time's zone."]})
    if moment <= clock.now():
        message = "This time is past; choose a later one, or send at once."
        raise InvalidCampaign(message, fields={"send_at": [message]})


def moment_of(wall: datetime, time_zone: str) -> datetime:
    """Return the moment (in UTC) at which clocks in the zone show `wall` (without a zone).

    A time that comes twice, when clocks go back, means the first.  Raises InvalidCampaign for one that never comes, when
    clocks go forward.
    """
    zone = require_zone(time_zone)
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) != wall.replace(fold=0):
        message = f"{wall:%H:%M} never comes on that day in {time_zone}: clocks go forward. Choose another time."
        raise InvalidCampaign(message, fields={"send_at": [message]})
    return moment
