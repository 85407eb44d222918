"""What people do on the demo company's own site: trials that start, first tours, plans that are bought; seeded."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from contacts.models import Contact
from team.models import Workspace
from tracking import services as tracking

DAYS = 9
A_DAY = 7
PLANS = ("Starter", "Team", "Business")
FIRST_TOURS = 0.55
BUYERS = 0.2


def happenings(
    workspace: Workspace, *, now: datetime, zone: ZoneInfo, seed: int
) -> Iterator[tuple[datetime, Callable[[], None]]]:
    """Yield when something happens before `now`, and a function that tells Drumbeat of it as the site's own program would."""
    draw = random.Random(f"{seed}:happenings")
    people = list(
        Contact.objects.filter(workspace=workspace).order_by("pk").values_list("email", flat=True)[: 10 * DAYS * A_DAY]
    )
    for email in draw.sample(people, min(DAYS * A_DAY, len(people) // 4)):
        day = (now - timedelta(days=draw.randrange(DAYS))).astimezone(zone)
        started = day.replace(hour=draw.randrange(8, 20), minute=draw.randrange(60))
        plan = draw.choice(PLANS)
        told = [(started, "trial_started")]
        if draw.random() < FIRST_TOURS:
            told.append((started + timedelta(hours=draw.uniform(0.5, 40)), "tour_planned"))
            if draw.random() < BUYERS / FIRST_TOURS:
                told.append((told[-1][0] + timedelta(hours=draw.uniform(1, 30)), "plan_bought"))
        for at, name in told:
            if at < now:
                yield at, _telling(workspace, {"name": name, "email": email, "properties": {"plan": plan}})


def _telling(workspace: Workspace, event: dict[str, object]) -> Callable[[], None]:
    def tell() -> None:
        tracking.take_events(workspace_id=workspace.pk, given=[event])

    return tell
