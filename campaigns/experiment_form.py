"""The page of a test: plain fields in percent and points, the plan's own fields out, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from django import forms

from abtests import selectors as abtests
from abtests.models import Dimension, Experiment, Metric, Mode, Rule, WithoutProof
from abtests.services import FAST_WINDOWS, NORMAL_WINDOWS, letter, usual_lead
from templates_lib import selectors as templates
from templates_lib.models import TemplateVersion

NORMAL, FAST, KEPT = "normal", "fast", "kept"
HUNDRED = 100
# Minutes between two parts.
SPACINGS = {
    0: "All at once, judged once",
    15: "15 minutes apart",
    30: "30 minutes apart",
    60: "1 hour apart",
    120: "2 hours apart",
    240: "4 hours apart",
    1440: "1 day apart",
}
PARTS = (4, 6, 8, 12, 24)
METRICS = {
    Metric.CLICK: "Clicks on any link",
    Metric.LINK: "Clicks on one link",
    Metric.REPLY: "Replies",
    Metric.OPEN: "Opens",
    Metric.CONVERSION: "Conversions afterwards",
}
# What the plan is computed from, as the sliders send it.
PLAN_FIELDS = ("audience", "metric", "window", "base", "lead", "share", "batches", "spacing", "mode", "rule", "days")
# Where the service's errors are shown.
SHOWN_AT = {
    "window_hours": "window",
    "spacing_minutes": "spacing",
    "largest_share": "share",
    "link_label": "link",
    "event_name": "event",
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way of a part of the email: the field that holds it, or what the email says by itself."""

    part: str
    number: int
    value: Any
    own: str

    @property
    def field(self) -> str:
        return way_field(self.part, self.number)

    @property
    def letter(self) -> str:
        """What it is called where the part is the only one that is tested."""
        return letter(self.number)

    @property
    def is_own(self) -> bool:
        """Whether it is the email's own way, which is changed there; a time is always chosen here."""
        return self.number == 0 and self.part != Dimension.SEND_TIME


def way_field(part: str, number: int) -> str:
    """Return the name of the form field of one way."""
    return f"way-{part}-{number}"


class ExperimentForm(forms.Form):
    """All of a plan but which parts are tested and in how many ways: buttons change those."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(max_length=200, error_messages={"required": "Give the test a name."})
    metric = forms.ChoiceField(choices=list(METRICS.items()))
    link = forms.CharField(required=False)
    event = forms.CharField(required=False, max_length=100)
    window = forms.ChoiceField(choices=[(NORMAL, "Normal"), (FAST, "Fast"), (KEPT, "As it is")])
    base = forms.FloatField(min_value=0.01, max_value=99.0)
    lead = forms.FloatField(min_value=0.01, max_value=99.0)
    share = forms.FloatField(min_value=1, max_value=HUNDRED, required=False)
    batches = forms.IntegerField(required=False)
    spacing = forms.IntegerField(required=False)
    mode = forms.ChoiceField(choices=Mode.choices, required=False)
    rule = forms.ChoiceField(choices=Rule.choices, required=False)
    days = forms.IntegerField(required=False, min_value=1, max_value=365)
    without_proof = forms.ChoiceField(choices=WithoutProof.choices, required=False)

    def __init__(self, data: Any = None, *, experiment: Experiment, only: Sequence[str] | None = None) -> None:
        """`only` are the fields that are asked about, of all: those that the plan is computed from."""
        super().__init__(data, initial=None if data is not None else initial_of(experiment))
        self.experiment = experiment
        self.levels = abtests.levels_of(experiment)
        if only is not None:
            self.fields = {name: field for name, field in self.fields.items() if name in only}
            return
        self.versions = template_versions(experiment)
        for part, ways in self.levels.items():
            for number in range(len(ways)):
                if number or part == Dimension.SEND_TIME:
                    self.fields[way_field(part, number)] = self._way_of(part)

    def _way_of(self, part: str) -> forms.Field:
        if part == Dimension.SEND_TIME:
            return forms.TimeField(required=False, error_messages={"invalid": "Give a time of the day, as 09:30."})
        if part == Dimension.CONTENT:
            return forms.TypedChoiceField(
                choices=[("", ""), *((str(pk), "") for pk in self.versions)],
                coerce=lambda key: self.versions[int(key)],
                required=False,
                empty_value=None,
            )
        return forms.CharField(required=False, max_length=150 if part == Dimension.FROM_NAME else 500)

    def plan(self) -> dict[str, Any]:
        """Return what `abtests.update_experiment` takes."""
        cleaned = self.cleaned_data
        found: dict[str, Any] = {
            "metric": cleaned["metric"],
            "window_hours": self._hours(),
            "base": cleaned["base"] / HUNDRED,
            "lead": cleaned["lead"] / HUNDRED,
        }
        renamed = {"link": "link_label", "event": "event_name", "spacing": "spacing_minutes"}
        for name in ("name", "link", "event", "batches", "spacing", "mode", "rule", "without_proof"):
            if cleaned.get(name) not in (None, ""):
                found[renamed.get(name, name)] = cleaned[name]
        if cleaned.get("share"):
            found["largest_share"] = cleaned["share"] / HUNDRED
        if "days" in self.data:
            found["days"] = cleaned.get("days")
        if found["metric"] != self.experiment.metric and found["base"] == self.experiment.base:
            found |= self.rates_of(found["metric"], found.get("link_label", ""))
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in found.items()}

    def rates_of(self, metric: str, link: str) -> dict[str, float]:
        """Return the base rate and a lead for another metric: nobody has changed those of the one before."""
        base = abtests.base_rate(self.experiment.workspace, metric, link=link).rate
        return {"base": base, "lead": usual_lead(base)}

    def ways(self) -> dict[str, list[Any]]:
        """Return what `abtests.set_factors` takes."""
        return {
            part: [_in_one_line(self.cleaned_data.get(way_field(part, at), way)) for at, way in enumerate(ways)]
            for part, ways in self.levels.items()
        }

    def _hours(self) -> int:
        metric = self.cleaned_data["metric"]
        chosen = self.cleaned_data["window"]
        if chosen == KEPT:
            return self.experiment.window_hours
        return (FAST_WINDOWS if chosen == FAST else NORMAL_WINDOWS)[metric]


def initial_of(experiment: Experiment) -> dict[str, Any]:
    """Return the form's values for a plan as it is."""
    values: dict[str, Any] = {
        "name": experiment.name,
        "metric": experiment.metric,
        "link": experiment.link_label,
        "event": experiment.event_name,
        "window": window_of(experiment),
        "base": as_percent(experiment.base),
        "lead": as_percent(experiment.lead),
        "share": as_percent(experiment.largest_share),
        "batches": experiment.batches,
        "spacing": experiment.spacing_minutes,
        "mode": experiment.mode,
        "rule": experiment.rule,
        "days": experiment.days,
        "without_proof": experiment.without_proof,
    }
    for part, ways in abtests.levels_of(experiment).items():
        values |= {way_field(part, number): _as_text(way) for number, way in enumerate(ways)}
    return values


def window_of(experiment: Experiment) -> str:
    """Return which preset a plan's window is."""
    for preset, hours in ((NORMAL, NORMAL_WINDOWS), (FAST, FAST_WINDOWS)):
        if hours[experiment.metric] == experiment.window_hours:
            return preset
    return KEPT


def as_percent(share: float) -> str:
    """Return 0.006 as "0.6", as an input takes it."""
    return f"{share * HUNDRED:.4f}".rstrip("0").rstrip(".")


def template_versions(experiment: Experiment) -> dict[int, TemplateVersion]:
    """Return what a version's content may be, by key: the newest version of each template, and those chosen before."""
    library = templates.templates_in(experiment.workspace).filter(current_version__isnull=False)
    found = {t.current_version.pk: t.current_version for t in library.select_related("current_version__template")[:500] if t.current_version}  # fmt: skip
    for way in abtests.levels_of(experiment).get(Dimension.CONTENT, []):
        if way is not None:
            found.setdefault(way.pk, way)
    return found


def errors_by_field(fields: Mapping[str, Sequence[str]], dimensions: Sequence[str]) -> dict[str, list[str]]:
    """Return a service's errors by the fields of the form; those of a part ("subject.1") stand at its way."""
    found: dict[str, list[str]] = {}
    for name, sentences in fields.items():
        part, dot, number = name.partition(".")
        shown = way_field(part, int(number)) if dot and number.isdecimal() else SHOWN_AT.get(name, name)
        if shown in dimensions:
            shown = "parts"
        found.setdefault(shown, []).extend(sentences)
    return found


def _in_one_line(way: Any) -> Any:
    return " ".join(way.split()) if isinstance(way, str) else way


def _as_text(way: Any) -> Any:
    if isinstance(way, TemplateVersion):
        return str(way.pk)
    return f"{way:%H:%M}" if isinstance(way, time) else way or ""
