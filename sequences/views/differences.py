"""What changed between two versions, as pages show it."""

import json
from typing import Any

from django.utils.dateparse import parse_duration

from sequences import words
from sequences.differences import FieldChange, StepChange, VersionDiff

LABELS = {
    "wait": "Length",
    "calendar": "Days on the wall",
    "until": "Until",
    "window": "Window",
    "timeout": "At the latest after",
    "within": "Within",
    "template": "Template",
    "template_version": "Version of the template",
    "subject": "Subject",
    "preheader": "Preheader",
    "source": "Content",
    "text_source": "Text part",
    "shares": "Shares",
    "kind": "Kind",
    "to": "Goes on at",
    "on": "Asks about",
    "experiment": "A/B test",
}
DURATIONS = {"wait", "window", "timeout", "within"}
# Too long to stand side by side.
CONTENT = {"source", "text_source"}
LONGEST = 160


def diff_rows(diff: VersionDiff) -> list[dict[str, Any]]:
    """Return one row a step that differs, with what happened to it: added, removed, moved or changed."""
    moved = {step.key: step for step in diff.moved}
    return [
        *[_row("added", step) for step in diff.added],
        *[_row("removed", step) for step in diff.removed],
        *[_row("changed", step, moved.pop(step.key, None)) for step in diff.changed],
        *[_row("moved", step, step) for step in moved.values()],
    ]


def _row(what: str, step: StepChange, moved: StepChange | None = None) -> dict[str, Any]:
    return {
        "what": what,
        "step": step,
        "moved": moved,
        "fields": [_field(change) for change in step.fields],
    }


def _field(change: FieldChange) -> dict[str, Any]:
    label = LABELS.get(change.name, change.name.replace("_", " ").capitalize())
    if change.name in CONTENT:
        return {"label": label, "is_content": True}
    return {"label": label, "before": _said(change.name, change.before), "after": _said(change.name, change.after)}


def _said(name: str, value: Any) -> str:
    if value is None or value == "":
        return "—"
    if name in DURATIONS and isinstance(value, str):
        return words.duration_words(parse_duration(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "experiment":
        return "has one"
    if name == "shares":
        return ", ".join(f"{lane} {share} %" for lane, share in value.items())
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
