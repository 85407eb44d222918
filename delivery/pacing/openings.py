"""When a workspace's mail may leave, zone by zone: the mailing's window and the workspace's quiet hours, as one answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from delivery import reasons
from delivery.models import Mailing, SendingRules
from delivery.pacing.days import zone_of
from delivery.pacing.windows import Hours, Window, next_open

# A window that the quiet hours cover never opens: the mail is held, and asked about again.
_NEVER = timedelta(days=1)


class Opening(NamedTuple):
    """When mail to a zone may leave, and what it waits for ("" if it needn't)."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Openings:
    """The rules of one mailing."""

    window: Window | None
    quiet: Hours | None
    zone: str

    def of(self, time_zone: str, moment: datetime) -> Opening:
        """Return when mail that is due at `moment` may leave to someone in this zone ("" or unknown: the workspace's)."""
        zone = zone_of(time_zone, self.zone)
        if self.window is not None:
            opens = next_open(moment, zone, window=self.window, quiet=self.quiet)
            if opens is None:
                return Opening(moment + _NEVER, reasons.QUIET_HOURS)
            if opens == moment:
                return Opening(moment, "")
            in_window = next_open(moment, zone, window=self.window, quiet=None) == moment
            return Opening(opens, reasons.QUIET_HOURS if in_window else reasons.WINDOW)
        opens = next_open(moment, zone, window=None, quiet=self.quiet) or moment + _NEVER
        return Opening(opens, reasons.QUIET_HOURS if opens > moment else "")

    def by_zone(self, time_zones: Iterable[str], moment: datetime) -> dict[str, Opening]:
        """Return the openings of zones that have to wait."""
        found = {time_zone: self.of(time_zone, moment) for time_zone in time_zones}
        return {time_zone: opening for time_zone, opening in found.items() if opening.reason}


def rules_of(mailing: Mailing) -> SendingRules | None:
    """Return what holds for all mail of the mailing's workspace, if anything does."""
    return getattr(mailing.workspace, "sending_rules", None)


def quiet_hours_of(rules: SendingRules | None) -> Hours | None:
    """Return the workspace's quiet hours, if it has any."""
    if rules is None or rules.quiet_from is None or rules.quiet_until is None:
        return None
    return Hours(rules.quiet_from, rules.quiet_until)


def openings_of(mailing: Mailing) -> Openings | None:
    """Return the mailing's windows, or None: it may leave at any time, as tests may."""
    quiet = quiet_hours_of(rules_of(mailing))
    window = Window.of(mailing.window)
    if mailing.is_test or (window is None and quiet is None):
        return None
    return Openings(window, quiet, mailing.workspace.time_zone)
