"""A test's results for those above, as one document."""

from datetime import datetime
from typing import Any

from abtests import exports, reading
from abtests.models import Experiment


def results_document(experiment: Experiment, *, now: datetime) -> dict[str, Any]:
    """Return all that a test has found, as its page exports it: rates with intervals, guardrails, parts and looks."""
    return exports.as_document(reading.results(experiment, now=now))
