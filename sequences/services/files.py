"""Steps that leave a sequence and come into one: the clipboard, files, and sequences of our own to start from."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction

from abtests import selectors as tests
from abtests import services as abtests
from contacts import selectors as contacts
from contacts import services as contact_services
from contacts.models import FieldType
from core.exceptions import InvalidInput, NotFound
from sequences import selectors
from sequences.document import document_of
from sequences.models import Sequence, Step, StepKind
from sequences.services.checking import content_of
from sequences.services.gestures import Edited, replace_draft
from sequences.services.rules import update_rules
from templates_lib import services as templates
from templates_lib.rendering import TemplateError

FORMAT = "drumbeat.sequence"
MAX_FILE = 10_000_000
# What a file holds of the content of a version of an email.
CONTENT = ("name", "format", "source", "text_source")
# Settings that name things of the workspace by their id: by the name of those in the file.
NAMED = {"list": "lists", "segment": "segments"}

Document = list[dict[str, Any]]


def fragment_of(sequence: Sequence, *, key: str = "", lane: str = "") -> Document:
    """Return a step with its lanes, or the steps of a lane, as a document.  Raises NotFound."""
    version = selectors.edited_version(sequence)
    rows = list(selectors.steps_of(version)) if version else []
    steps = document_of(rows)
    _show_tests(steps, rows)
    found = [step for step in _every(steps) if step["key"] == key] if key else _lane(steps, lane)
    if not found:
        raise NotFound("There is no such step." if key else "The lane is empty.")
    return found


def export_steps(sequence: Sequence) -> dict[str, Any]:
    """Return the sequence as a file holds it: emails with their content, lists and segments with their names."""
    version = selectors.edited_version(sequence)
    rows = list(selectors.steps_of(version)) if version else []
    document = document_of(rows)
    _show_tests(document, rows)
    by_key = {step.key: step for step in rows}
    for step in _every(document):
        if step["kind"] == StepKind.EMAIL:
            _unfold(step, by_key[step["key"]])
    return {"format": FORMAT, "version": 1, "name": sequence.name, "names": _names(sequence), "steps": document}


@transaction.atomic
def import_steps(sequence: Sequence, *, data: bytes, revision: int | None = None, actor: str = "") -> Edited:
    """Make the steps of a file the draft's.  Raises InvalidInput for what is no such file, StepError for a wrong step.

    Lists and segments are found again by their names; where there is none of the name, the step is left to be completed.
    """
    found = _read(data)
    given = found.get("names", {})
    own = _names(sequence)
    lost = 0
    for step in _every(found["steps"]):
        step.pop("template_name", None)
        _fold_versions(sequence, step)
        for setting, kind in NAMED.items():
            if setting in step:
                names = given.get(kind) if isinstance(given, Mapping) else None
                lost += not _find_again(step, setting, names if isinstance(names, Mapping) else {}, own[kind])
    done = replace_draft(sequence, steps=found["steps"], revision=revision, actor=actor)
    note = f"; {lost} of them need a list or segment of this workspace" if lost else ""
    return Edited(f"{done.what}{note}")


@transaction.atomic
def use_preset(sequence: Sequence, *, slug: str, revision: int | None = None, actor: str = "") -> Edited:
    """Make one of our own sequences the draft's steps.  Raises InvalidInput for one that there isn't.

    The rule on replies that goes with it holds as well, unless people are on the way already: rules hold for them at once.
    """
    preset = selectors.preset_called(slug)
    _require_date_fields(sequence, preset.date_fields)
    replace_draft(sequence, steps=preset.steps, revision=revision, actor=actor)
    if preset.on_reply and sequence.live_version_id is None:
        update_rules(sequence, on_reply=preset.on_reply)
    return Edited(f"Started from “{preset.name}”")


def _require_date_fields(sequence: Sequence, wanted: Mapping[str, str]) -> None:
    """Create the custom fields that waits ask for, where the workspace has none of the key."""
    present = set(contacts.fields_in(sequence.workspace).values_list("key", flat=True))
    for key, label in wanted.items():
        if key not in present:
            contact_services.create_field(workspace=sequence.workspace, label=label, type_=FieldType.DATE, key=key)


def _read(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_FILE:
        raise InvalidInput("The file is larger than 10 MB.")
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidInput("The file is not in UTF-8; a sequence’s file is.") from error
    except RecursionError as error:
        raise InvalidInput("The file is nested too deep for a sequence.") from error
    except ValueError as error:
        where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidInput(f"The file is no JSON{where}.") from error
    if isinstance(found, list):
        found = {"steps": found}
    if not isinstance(found, dict) or not isinstance(found.get("steps"), list):
        raise InvalidInput("The file holds no steps of a sequence.")
    if found.get("version", 1) != 1 or found.get("format", FORMAT) != FORMAT:
        raise InvalidInput("The file is of a kind that this Drumbeat doesn’t know.")
    return found


def _every(steps: object) -> Iterator[dict[str, Any]]:
    """Yield every step of a document, as far as it is one."""
    waiting = [steps]
    while waiting:
        level = waiting.pop()
        for step in level if isinstance(level, list) else ():
            if isinstance(step, dict):
                yield step
                lanes = step.get("lanes")
                waiting += lanes.values() if isinstance(lanes, dict) else ()


def _lane(steps: Document, lane: str) -> Document:
    owner, _, outcome = lane.partition(".")
    for step in _every(steps):
        if step["key"] == owner:
            inside: Document = step.get("lanes", {}).get(outcome, [])
            return inside
    return steps if lane == "root" else []


def _unfold(step: dict[str, Any], row: Step) -> None:
    """Give an email its content in place of its template."""
    if row.template_version is not None:
        step["template_name"] = row.template_version.template.name
    for name in ("template", "template_version", "mailing", "experiment"):
        step.pop(name, None)
    step |= content_of(row)
    arms = tests.variants_of(row.experiment) if row.experiment else []
    for version, arm in zip(step.get("test", {}).get("versions", ()), arms, strict=True):
        if arm.template_version is not None:
            origin = arm.template_version
            version["content"] = {
                "name": origin.template.name, "format": origin.format, "source": origin.source,
                "text_source": origin.text_source,
            }  # fmt: skip
        version.pop("template_version")


def _show_tests(document: Document, rows: list[Step]) -> None:
    """Let the emails of a document hold the plans of their tests, so that a copy can have the same."""
    by_key = {step.key: step for step in rows}
    for step in _every(document):
        if (experiment := by_key[step["key"]].experiment) is not None:
            step["test"] = abtests.plan_document(experiment)


def _fold_versions(sequence: Sequence, step: dict[str, Any]) -> None:
    """Make a template of each content that a version of the email's test brings along.  Raises InvalidInput."""
    test = step.get("test")
    versions = test.get("versions") if isinstance(test, dict) else None
    for version in versions if isinstance(versions, list) else ():
        content = version.pop("content", None) if isinstance(version, dict) else None
        if content is None:
            continue
        texts = {name: content.get(name, "") for name in CONTENT} if isinstance(content, dict) else {}
        if not texts or not all(isinstance(text, str) for text in texts.values()):
            raise InvalidInput("The content of a test’s version is an object with name, format and source.")
        name = templates.unused_name(sequence.workspace, texts.pop("name") or "Version of a test")
        try:
            made = templates.create_template(workspace=sequence.workspace, name=name, **texts)
        except TemplateError as error:
            raise InvalidInput(f"The content of a test’s version can’t be used: {error}") from error
        version["template_version"] = made.current_version_id


def _names(sequence: Sequence) -> dict[str, dict[str, str]]:
    return {
        "lists": {str(item.pk): item.name for item in contacts.lists_in(sequence.workspace)},
        "segments": {str(item.pk): item.name for item in contacts.segments_in(sequence.workspace)},
    }


def _find_again(step: dict[str, Any], setting: str, names: Mapping[str, Any], own: Mapping[str, str]) -> bool:
    """Let a setting name what has the same name here; without one, drop it.  Tell whether there was one."""
    pk = str(step[setting])
    if pk in own and names.get(pk, own[pk]) == own[pk]:
        return True
    same = next((int(other) for other, name in own.items() if name == names.get(pk)), None)
    step.pop(setting)
    if same is not None:
        step[setting] = same
    return same is not None
