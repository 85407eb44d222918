"""The versions of an email under test: what each says, and what keeps them from being sent."""

from collections.abc import Iterable, Mapping
from typing import Any

from abtests import selectors as tests
from abtests.models import Dimension, Experiment, Variant
from abtests.services import FEWEST_ARMS
from sequences.models import Step
from sequences.structure import Problem

TEXTS = ("format", "subject", "preheader", "source", "text_source")


def content_of_arm(content: Mapping[str, Any], arm: Variant) -> dict[str, Any]:
    """Return what a version says: the email's own content but for what the version gives."""
    found = {**content, "from_name": arm.from_name}
    if arm.template_version is not None:
        version = arm.template_version
        found |= {"format": version.format, "source": version.source, "text_source": version.text_source}
    given = {"subject": arm.subject, "preheader": arm.preheader}
    return found | {name: text for name, text in given.items() if text}


def contents_of_arms(step: Step, content: Mapping[str, Any]) -> list[tuple[Variant, dict[str, Any]]]:
    """Return each version of an email with what it says, the control first; nothing for an email without a test."""
    if step.experiment is None:
        return []
    return [(arm, content_of_arm(content, arm)) for arm in tests.variants_of(step.experiment)]


def problems_of_test(step: Step, content: Mapping[str, str]) -> Iterable[Problem]:
    """Yield what keeps an email's test from being begun; of one that has begun, what may not be changed any more."""
    experiment = step.experiment
    if experiment is None:
        return
    if experiment.state != Experiment.State.PLANNED:
        if _is_changed(step, experiment, content):
            under_way = experiment.state in (Experiment.State.RUNNING, Experiment.State.PAUSED)
            message = (
                "Its test has begun, so what it says is locked. Take the test away, which ends it, before you change the email."
                if under_way
                else "Its test is over, and what it says stays as it was tested. Take the test away before you change the email."
            )
            yield Problem(step.key, "test_locked", message, "experiment")
        return
    versions = contents_of_arms(step, content)
    if len(versions) < FEWEST_ARMS:
        yield Problem(step.key, "few_versions", f"Its test needs at least {FEWEST_ARMS} versions.", "experiment")
        return
    yield from _problems_of_versions(step, experiment, versions)


def _problems_of_versions(
    step: Step, experiment: Experiment, versions: list[tuple[Variant, dict[str, Any]]]
) -> Iterable[Problem]:
    by_time = Dimension.SEND_TIME in experiment.dimensions
    seen: dict[tuple[object, ...], str] = {}
    control = versions[0][0]
    if any((control.subject, control.preheader, control.from_name, control.template_version)):
        message = f"Version {control.name} is the email as it is: write what it says into the email itself."
        yield Problem(step.key, "control_differs", message, "experiment")
    for arm, said in versions:
        if not str(said["source"]).strip():
            yield Problem(step.key, "version_no_content", f"Version {arm.name} has no content yet.", "experiment")
        if by_time and arm.send_at is None:
            yield Problem(step.key, "version_no_time", f"When does version {arm.name} go out?", "experiment")
        alike = (*(said[name] for name in (*TEXTS, "from_name")), arm.send_at)
        if alike in seen:
            message = f"Versions {seen[alike]} and {arm.name} are the same: give {arm.name} something to be tested."
            yield Problem(step.key, "versions_alike", message, "experiment")
        seen.setdefault(alike, arm.name)
        if arm.subject and step.config.get("thread"):
            message = "It answers an earlier email and takes over its subject, so its subject can’t be tested."
            yield Problem(step.key, "thread_subject", message, "experiment")


def _is_changed(step: Step, experiment: Experiment, content: Mapping[str, str]) -> bool:
    """Tell whether the email says something else than the control of its test."""
    control = tests.control_of(experiment)
    # The subject of a follow-up is another email's.
    names = [name for name in TEXTS if name != "subject" or not step.config.get("thread")]
    return control is not None and any(getattr(control, name) != content[name] for name in names)
