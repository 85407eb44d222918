"""A test's results as data: for spreadsheets, for programs, and for whoever wants to make the verdicts again.

`abtests.statistics.records.Question.from_json(look["question"]).answer()` is the verdict of each look.
"""

from collections.abc import Iterator
from typing import Any, Final

from abtests.results import ArmResult, LookResult, Results

_HEADER: Final = (
    "kind",
    "look",
    "at",
    "version",
    "name",
    "sent",
    "counted",
    "responded",
    "rate",
    "low_95",
    "high_95",
    "chance_best",
    "expected_loss",
    "unsubscribed",
    "complained",
    "smallest_z",
    "boundary",
    "verdict",
)


def as_rows(found: Results) -> Iterator[list[Any]]:
    """Yield a header, a row a version as things stand, and a row a version of each look."""
    yield list(_HEADER)
    for arm in found.arms:
        counted = arm.counted
        yield [
            "now",
            "",
            found.at.isoformat(),
            arm.letter,
            arm.variant.name,
            arm.live.sent,
            counted.sent,
            counted.responded,
            arm.rate,
            arm.interval.low,
            arm.interval.high,
            arm.chance,
            arm.loss,
            counted.unsubscribed,
            counted.complained,
            "",
            "",
            "",
        ]
    for look in found.looks:
        yield from _look_rows(found, look)


def _look_rows(found: Results, look: LookResult) -> Iterator[list[Any]]:
    asked, said = look.look.question, look.look.verdict
    complaints, unsubscribes = asked.get("complaints"), asked.get("unsubscribes")
    for at, (letter, responded, sent) in enumerate(look.arms):
        leads = letter == look.leader
        yield [
            "look",
            look.look.number,
            look.look.looked_at.isoformat(),
            letter,
            found.arms[at].variant.name if at < len(found.arms) else "",
            "",
            sent,
            responded,
            responded / sent if sent else "",
            "",
            "",
            said.get("probability_best") if leads else "",
            said.get("expected_loss") if leads else "",
            unsubscribes[at] if unsubscribes else "",
            complaints[at] if complaints else "",
            look.z if leads else "",
            look.boundary if leads else "",
            look.kind,
        ]


def as_document(found: Results) -> dict[str, Any]:
    """Return all of it as JSON holds it; rates are shares of those sent to."""
    experiment = found.experiment
    return {
        "test": {
            "id": experiment.pk,
            "name": experiment.name,
            "state": experiment.state,
            "design": experiment.design,
            "mode": experiment.mode,
            "metric": experiment.metric,
            "dimensions": experiment.dimensions,
            "window_hours": experiment.window_hours,
            "base": experiment.base,
            "lead": experiment.lead,
            "rule": experiment.rule,
            "without_proof": experiment.without_proof,
            "started_at": experiment.started_at,
            "decided_at": experiment.decided_at,
            "outcome": experiment.outcome,
            "winner": found.winner.letter if found.winner else None,
            "by_hand": experiment.decided_by_id is not None,
        },
        "at": found.at,
        "versions": [_version(arm) for arm in found.arms],
        "parts": [
            {
                "number": part.number,
                "release_at": part.release_at,
                "released_at": part.released_at,
                "size": part.size,
                "weights": part.weights,
            }
            for part in found.parts
        ],
        "summary": found.summary,
        "looks": [
            {
                "number": each.look.number,
                "looked_at": each.look.looked_at,
                "question": each.look.question,
                "verdict": each.look.verdict,
            }
            for each in found.looks
        ],
    }


def _version(arm: ArmResult) -> dict[str, Any]:
    live = arm.live
    return {
        "version": arm.letter,
        "name": arm.variant.name,
        "levels": arm.variant.levels,
        "stopped_at": arm.variant.stopped_at,
        "sent": live.sent,
        "counted": arm.counted.sent,
        "responded": arm.counted.responded,
        "responded_with_machines": arm.counted.responded_any,
        "rate": arm.rate,
        "interval": arm.interval._asdict(),
        "ahead_of_the_best_other": arm.lead,
        "ahead_interval": arm.gap._asdict() if arm.gap else None,
        "chance_best": arm.chance,
        "expected_loss": arm.loss,
        "unsubscribed": arm.counted.unsubscribed,
        "complained": arm.counted.complained,
        "so_far": {
            "opened": live.opened,
            "opened_with_machines": live.opened_any,
            "clicked": live.clicked,
            "clicked_with_machines": live.clicked_any,
            "replied": live.replied,
            "bounced": live.bounced,
            "unsubscribed": live.unsubscribed,
            "complained": live.complained,
        },
    }
