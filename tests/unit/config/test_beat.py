"""The schedule: what may be dropped when workers are busy, and what may not."""

from config.beat import BEAT_SCHEDULE
from delivery.services.sending import DISPATCH_SECONDS


def test_settling_waits_behind_dispatches_instead_of_being_dropped() -> None:
    entry = BEAT_SCHEDULE["settle abandoned batches"]
    assert entry["options"]["expires"] >= 20 * DISPATCH_SECONDS


def test_what_starts_and_ends_campaigns_waits_behind_dispatches() -> None:
    for name in ("launch due campaigns", "complete finished campaigns"):
        assert BEAT_SCHEDULE[name]["options"]["expires"] >= 5 * DISPATCH_SECONDS


def test_everything_else_is_dropped_when_it_is_due_again() -> None:
    patient = {
        "settle abandoned batches",
        "continue publications",
        "launch due campaigns",
        "complete finished campaigns",
        "look at segments and dates",
        "let parts of tests go out",
        "look at tests",
        "sum up tests",
    }
    others = [entry for name, entry in BEAT_SCHEDULE.items() if name not in patient]
    assert all(entry["options"]["expires"] == max(entry["schedule"], 1.0) for entry in others)
