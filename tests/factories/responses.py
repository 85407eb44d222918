"""What recipients of a test's versions did, as delivery counts it, without sending anything."""

from collections.abc import Mapping
from datetime import datetime

from abtests import strata
from abtests.models import Experiment
from delivery import services as delivery
from delivery.models import ResponseCounter


def count(
    experiment: Experiment,
    arms: Mapping[str, tuple[int, int]],
    hour: datetime,
    *,
    part: int = 0,
    stratum: int | None = None,
    late: bool = False,
    **harm: Mapping[str, int],
) -> None:
    """Count for each arm (sent, clicked) in an hour of sending; `late` clicks came after the window; harm is complained or unsubscribed."""
    for variant in experiment.variants.select_related("mailing"):
        if variant.name not in arms or variant.mailing is None:
            continue
        if not variant.mailing.response_bounds:
            delivery.count_responses([variant.mailing.pk], bounds=[1, experiment.window_hours])
        sent, clicked = arms[variant.name]
        mine = {
            "mailing": variant.mailing,
            "stratum": strata.of_part(part) if stratum is None else stratum,
            "sent_hour": hour,
        }
        ResponseCounter.objects.create(**mine, lag=0, sent=sent)
        ResponseCounter.objects.create(
            **mine,
            lag=2 if late else 1,
            clicked=clicked,
            **{name: by.get(variant.name, 0) for name, by in harm.items()},
        )
