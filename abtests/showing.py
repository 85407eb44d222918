"""What the tables of the results page hold."""

from dataclasses import dataclass
from typing import NamedTuple

from abtests.models import Design, Dimension, Experiment, Metric, Variant
from abtests.results import ArmResult, Level, Results
from abtests.words import RATES, SUBJECTS, hours, points
from frontend.templatetags.formats import number, percent


class Differs(NamedTuple):
    """What a version has of its own; `is_text` where an author wrote it, with merge fields."""

    what: str
    text: str
    is_text: bool


@dataclass(frozen=True, slots=True)
class Version:
    """A version's row: what it is, and its results; `share` is what it gets of each part of an optimisation."""

    arm: ArmResult
    differs: list[Differs]
    share: float | None
    standardised: float | None


@dataclass(frozen=True, slots=True)
class Factor:
    """One thing that is tested among others, and what each of its levels got."""

    name: str
    levels: list[tuple[Level, str]]


@dataclass(frozen=True, slots=True)
class Harm:
    """Who left or complained because of a version, of those that count."""

    arm: ArmResult
    unsubscribed: float | None
    complained: float | None


class Fact(NamedTuple):
    """A line of the plan."""

    label: str
    value: str


def versions(found: Results) -> list[Version]:
    """Return a row a version."""
    weights = next((part.weights for part in reversed(found.parts) if part.weights), None) if found.is_bandit else None
    rows = []
    for at, arm in enumerate(found.arms):
        rows.append(
            Version(
                arm,
                differences_of(found.experiment, arm.variant),
                weights[at] if weights else None,
                found.standardised[at][0] if at < len(found.standardised) else None,
            )
        )
    return rows


def factors(found: Results) -> list[Factor]:
    """Return the things that are tested at once, each with its levels as they are written."""
    first: dict[tuple[str, int], str] = {}
    for arm in found.arms:
        for place, dimension in enumerate(found.experiment.dimensions):
            if place < len(arm.variant.levels):
                first.setdefault((dimension, arm.variant.levels[place]), _own(arm.variant, dimension))
    return [
        Factor(
            SUBJECTS.get(dimension, dimension),
            [
                (level, first.get((dimension, level.number), ""))
                for level in found.levels
                if level.dimension == dimension
            ],
        )
        for dimension in found.experiment.dimensions
        if any(level.dimension == dimension for level in found.levels)
    ]


def differences_of(experiment: Experiment, variant: Variant) -> list[Differs]:
    """Return what this version has of each thing that is tested."""
    written = {Dimension.SUBJECT, Dimension.PREHEADER}
    return [
        Differs(SUBJECTS.get(dimension, dimension), text, dimension in written)
        for dimension in experiment.dimensions
        if (text := _own(variant, dimension))
    ]


def _own(variant: Variant, dimension: str) -> str:
    mailing = variant.mailing
    if dimension == Dimension.SUBJECT:
        return variant.subject or (mailing.subject if mailing else "")
    if dimension == Dimension.PREHEADER:
        return variant.preheader or (mailing.preheader if mailing else "")
    if dimension == Dimension.FROM_NAME:
        return variant.from_name or "the mailbox’s own"
    if dimension == Dimension.SEND_TIME:
        return f"{variant.send_at:%H:%M}" if variant.send_at else "at once"
    version = variant.template_version
    return f"{version.template.name}, version {version.number}" if version else "the email as it is"


def harm(found: Results) -> list[Harm]:
    """Return who left or complained, by version."""
    return [
        Harm(
            arm,
            arm.counted.unsubscribed / arm.counted.sent if arm.counted.sent else None,
            arm.counted.complained / arm.counted.sent if arm.counted.sent else None,
        )
        for arm in found.arms
    ]


def plan_facts(found: Results) -> list[Fact]:
    """Return what was chosen beforehand."""
    experiment = found.experiment
    design = {
        Design.CELLS: "A part of the audience first, then the outcome to the rest",
        Design.CONTINUOUS: "Whoever comes by, until it is decided",
        Design.SEND_TIME: "Each version at its own hour, by the recipient’s clock",
    }[Design(experiment.design)]
    if found.is_bandit:
        design = "Everybody, part by part, in larger share what has worked so far"
    metric = RATES[experiment.metric]
    if experiment.metric == Metric.LINK and experiment.link_label:
        metric = f"{metric} {experiment.link_label}"
    if experiment.metric == Metric.CONVERSION and experiment.event_name:
        metric = f"{metric}: {experiment.event_name}"
    facts = [
        Fact("What decides", metric),
        Fact("Who gets it", design),
        Fact("A person counts after", hours(experiment.window_hours)),
    ]
    if not found.is_bandit:
        facts += [
            Fact("A lead that matters", points(experiment.lead)),
            Fact("Rate expected beforehand", percent(experiment.base)),
            Fact("People to prove it, a version", number(found.per_arm)),
            Fact("Without proof", experiment.get_without_proof_display()),
        ]
    if found.parts and experiment.design == Design.CELLS:
        facts.append(
            Fact(
                "Parts",
                f"{sum(part.released_at is not None for part in found.parts)} of {len(found.parts)} have gone out",
            )
        )
    return facts
