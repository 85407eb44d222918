"""Planning the A/B test of an email: what is tested, the versions, what decides, and what the list can prove."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from abtests import selectors as abtests
from abtests import services as abtest_services
from abtests.exceptions import ExperimentError
from abtests.models import Design, Dimension, Experiment, Metric, Mode, Variant
from campaigns import selectors, services
from campaigns.audience import size_of
from campaigns.exceptions import StaleCampaignError
from campaigns.experiment_form import (
    METRICS,
    PARTS,
    PLAN_FIELDS,
    SPACINGS,
    ExperimentForm,
    Way,
    as_percent,
    errors_by_field,
)
from campaigns.models import Campaign, Kind, Status
from campaigns.plan_chart import curve_of
from campaigns.views.checking import PREVIEW_POLICY
from campaigns.views.drafts import permissions
from contacts.exceptions import InvalidSegment
from core.exceptions import DomainError, InvalidInput, NotFound
from frontend.htmx import is_fragment, redirect, refuse, render_page, toast, trigger
from sequences import services as sequences
from sequences.models import Step
from team.access import Capability, MemberRequest, member_view
from templates_lib import selectors as templates
from templates_lib.rendering import TemplateError, compile_email
from tracking.selectors import event_names

# A triggered campaign's reach is told for so many days.
REACH_DAYS = 30
LABELS = {
    Dimension.SUBJECT: "Subject",
    Dimension.PREHEADER: "Preheader",
    Dimension.CONTENT: "Content",
    Dimension.FROM_NAME: "Sender’s name",
    Dimension.SEND_TIME: "Send time",
}


@dataclass(frozen=True, slots=True)
class Tested:
    """A test with the campaign and the email that it belongs to."""

    campaign: Campaign
    experiment: Experiment
    step: Step

    @property
    def is_planned(self) -> bool:
        return self.experiment.state == Experiment.State.PLANNED

    @property
    def is_open(self) -> bool:
        """Whether the campaign lets its test be edited."""
        beside = self.campaign.is_long and self.campaign.status in (Status.RUNNING, Status.PAUSED)
        return self.is_planned and (self.campaign.status == Status.DRAFT or beside)


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def add(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Put a test to an email (`?step=`), and open its page."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    made = services.add_test(campaign, step_key=request.GET.get("step", ""), user=request.user)
    return redirect(request, "campaigns:experiment", campaign.pk, made.pk)


@require_safe
@member_view(Capability.VIEW)
def show(request: MemberRequest, campaign_id: int, experiment_id: int) -> HttpResponse:
    """The page of a test."""
    tested = _tested(request, campaign_id, experiment_id)
    form = ExperimentForm(experiment=tested.experiment)
    rights = permissions(request, tested.campaign)
    audience = _audience(tested.campaign)
    context = {
        **_versions(tested, form),
        **_plan(tested.campaign, tested.experiment, audience),
        **rights,
        "form": form,
        "editable": tested.is_open and rights["can_edit"],
        "audience_size": audience,
        "metrics": METRICS,
        "hours": _hours(),
        "links": _links(tested),
        "event_names": event_names(request.workspace),
        "sizes_of_parts": sorted({*PARTS, tested.experiment.batches}),
        "lead_range": _lead_range(tested.experiment),
        "spacings": _spacings(tested.experiment),
        "merge_fields": templates.merge_fields(request.workspace),
        "history": abtests.base_rate(request.workspace, tested.experiment.metric, link=tested.experiment.link_label),
        "nav": "campaigns:list",
    }
    return render_page(request, "campaigns/experiment.html", context)


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def save(request: MemberRequest, campaign_id: int, experiment_id: int) -> HttpResponseBase:
    """Autosave: all fields of the page, with the campaign's version that it was made from."""
    tested = _tested(request, campaign_id, experiment_id)
    form = ExperimentForm(request.POST, experiment=tested.experiment)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=422)
    plan = form.plan()
    try:
        services.update_test(
            tested.campaign,
            tested.experiment,
            plan=plan,
            levels=form.ways(),
            version=form.cleaned_data["version"],
            actor=str(request.user),
        )
    except StaleCampaignError as error:
        return toast(HttpResponse(status=409), error.message, level="danger")
    except InvalidInput as error:
        found = errors_by_field(error.fields, tested.experiment.dimensions) or {"name": [error.message]}
        return JsonResponse({"errors": found}, status=422)
    except DomainError as error:
        return toast(HttpResponse(status=error.status), error.message, level="danger")
    response = trigger(HttpResponse(), "saved", {"version": tested.campaign.version})
    kept = {"base": as_percent(tested.experiment.base), "lead": as_percent(tested.experiment.lead)}
    asked = {name: as_percent(form.cleaned_data[name] / 100) for name in kept}
    return trigger(response, "plan-values", kept) if kept != asked else response


@require_safe
@member_view(Capability.VIEW)
def plan(request: MemberRequest, campaign_id: int, experiment_id: int) -> HttpResponse:
    """What the list can prove with the numbers of the sliders, which need not be saved yet."""
    tested = _tested(request, campaign_id, experiment_id)
    form = ExperimentForm(request.GET, experiment=tested.experiment, only=PLAN_FIELDS)
    if not form.is_valid():
        return render_page(request, "campaigns/_plan.html", {**_base(tested), "plan_problem": True})
    for name, value in form.plan().items():
        setattr(tested.experiment, name, value)
    asked = request.GET.get("audience", "")
    audience = int(asked) if asked.isdecimal() and len(asked) < 10 else _audience(tested.campaign)
    return render_page(
        request, "campaigns/_plan.html", {**_base(tested), **_plan(tested.campaign, tested.experiment, audience)}
    )


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def parts(request: MemberRequest, campaign_id: int, experiment_id: int) -> HttpResponse:
    """Test other parts of the email; what was written for those that stay is kept."""
    tested = _tested(request, campaign_id, experiment_id)
    wanted = [part for part in Dimension.values if part in request.POST.getlist("parts")]
    levels = abtests.levels_of(tested.experiment)
    if not wanted:
        return _answer(request, tested, "A test needs at least one part of the email that differs.")
    return _change_ways(
        request, tested, wanted, {part: levels.get(part) or [_empty(part), _empty(part)] for part in wanted}
    )


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def add_way(request: MemberRequest, campaign_id: int, experiment_id: int) -> HttpResponse:
    """Add a version, or one more way of a part where several are tested."""
    tested = _tested(request, campaign_id, experiment_id)
    levels, part = _levels_of_part(request, tested)
    levels[part] = [*levels[part], _empty(part)]
    return _change_ways(request, tested, tested.experiment.dimensions, levels, keeps=True)


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def remove_way(request: MemberRequest, campaign_id: int, experiment_id: int) -> HttpResponse:
    """Take a version, or a way of a part, out."""
    tested = _tested(request, campaign_id, experiment_id)
    levels, part = _levels_of_part(request, tested)
    number = request.POST.get("number", "")
    if not number.isdecimal() or not 0 < int(number) < len(levels[part]):
        raise NotFound("There is no such version.")
    levels[part] = [way for index, way in enumerate(levels[part]) if index != int(number)]
    return _change_ways(request, tested, tested.experiment.dimensions, levels)


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def remove(request: MemberRequest, campaign_id: int, experiment_id: int) -> HttpResponse:
    """Take the test away: everybody gets the email as it is."""
    tested = _tested(request, campaign_id, experiment_id)
    services.remove_test(tested.campaign, tested.experiment, user=request.user)
    return redirect(request, _place_of(tested))


@require_safe
@member_view(Capability.VIEW)
def preview(request: MemberRequest, campaign_id: int, experiment_id: int, variant_id: int) -> HttpResponse:
    """One version as the first recipient gets it, in a dialog."""
    tested = _tested(request, campaign_id, experiment_id)
    variant = _variant(tested, variant_id)
    context: dict[str, Any] = {**_base(tested), "variant": variant, "heading": f"Version {variant.name}"}
    try:
        context["rendered"] = services.render_preview(tested.campaign, step=tested.step, variant=variant)
    except DomainError as error:
        context["preview_problem"] = error.message
    context["from_name"] = variant.from_name or _own_ways(tested)[Dimension.FROM_NAME]
    return render_page(request, "campaigns/experiment_preview.html", context, partial="content")


@require_safe
@member_view(Capability.VIEW)
def preview_html(request: MemberRequest, campaign_id: int, experiment_id: int, variant_id: int) -> HttpResponse:
    """A version's HTML alone, for a sandboxed frame."""
    tested = _tested(request, campaign_id, experiment_id)
    rendered = services.render_preview(tested.campaign, step=tested.step, variant=_variant(tested, variant_id))
    response = HttpResponse(rendered.html or "<pre></pre>")
    response.headers["Content-Security-Policy"] = PREVIEW_POLICY
    return response


def _tested(request: MemberRequest, campaign_id: int, experiment_id: int) -> Tested:
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    experiment = abtests.experiment_in(request.workspace, experiment_id)
    return Tested(campaign, experiment, selectors.tested_step(campaign, experiment))


def _variant(tested: Tested, variant_id: int) -> Variant:
    for variant in abtests.variants_of(tested.experiment):
        if variant.pk == variant_id:
            return variant
    raise NotFound("There is no such version.")


def _levels_of_part(request: MemberRequest, tested: Tested) -> tuple[dict[str, list[Any]], str]:
    levels = abtests.levels_of(tested.experiment)
    part = request.POST.get("part", "")
    if part not in levels:
        raise InvalidInput("This part of the email is not tested.")
    return levels, part


def _change_ways(
    request: MemberRequest,
    tested: Tested,
    dimensions: list[str],
    levels: Mapping[str, list[Any]],
    *,
    keeps: bool = False,
) -> HttpResponse:
    """Write the ways and answer with the versions as they are now; what is refused is said there and changes nothing.

    With `keeps` the fields on the page stay as they are: somebody may have typed on meanwhile.
    """
    problem = ""
    try:
        services.update_test(
            tested.campaign, tested.experiment, dimensions=dimensions, levels=levels, actor=str(request.user)
        )
    except InvalidInput as error:
        problem = " ".join(sentence for sentences in error.fields.values() for sentence in sentences) or error.message
    except ExperimentError as error:
        return refuse(request, error.message, status=error.status)
    return _answer(request, tested, problem, keeps=keeps)


def _answer(request: MemberRequest, tested: Tested, problem: str, *, keeps: bool = False) -> HttpResponse:
    if not is_fragment(request):
        return redirect(request, "campaigns:experiment", tested.campaign.pk, tested.experiment.pk)
    tested.experiment.refresh_from_db()
    form = ExperimentForm(experiment=tested.experiment)
    context = {
        **_versions(tested, form),
        "editable": tested.is_open,
        "parts_problem": problem,
        "form": form,
        "keeps": keeps,
    }
    context["merge_fields"] = templates.merge_fields(request.workspace)
    response = render_page(request, "campaigns/_versions.html", context)
    return trigger(response, "saved", {"version": tested.campaign.version})


def _base(tested: Tested) -> dict[str, Any]:
    return {
        "campaign": tested.campaign,
        "experiment": tested.experiment,
        "step": tested.step,
        "is_broadcast": tested.campaign.kind == Kind.BROADCAST,
    }


def _versions(tested: Tested, form: ExperimentForm) -> dict[str, Any]:
    """Return what the versions' part of the page shows."""
    experiment = tested.experiment
    own = _own_ways(tested)
    levels = abtests.levels_of(experiment)
    variants = abtests.variants_of(experiment)
    repeated = {variant.pk for variant in abtests.repeated_variants(experiment)}
    ways = {
        part: [
            Way(part, number, form.initial.get(f"way-{part}-{number}", ""), own[part]) for number in range(len(found))
        ]
        for part, found in levels.items()
    }
    rows = [
        {
            "variant": variant,
            "says": [
                (LABELS[Dimension(part)], _say(variant.way_in(part)) or own[part]) for part in experiment.dimensions
            ],
            "repeats": variant.pk in repeated,
        }
        for variant in variants
    ]
    return {
        **_base(tested),
        "parts": [
            {
                "name": part.value,
                "label": LABELS[part],
                "chosen": part.value in experiment.dimensions,
                "off": part == Dimension.SEND_TIME and experiment.design == Design.CONTINUOUS,
            }
            for part in Dimension
        ],
        "ways": [{"name": part, "label": LABELS[Dimension(part)], "ways": found} for part, found in ways.items()],
        "is_factorial": len(experiment.dimensions) > 1,
        "versions": rows,
        "has_repeats": bool(repeated),
        "is_full": len(variants) >= 8,
        "template_versions": form.versions if hasattr(form, "versions") else {},
    }


def _own_ways(tested: Tested) -> dict[str, str]:
    """Return what the email says by itself in each part, for people."""
    content = sequences.content_of(tested.step)
    mailboxes = selectors.mailboxes_of(tested.campaign)
    template = tested.step.template_version.template.name if tested.step.template_version else ""
    return {
        Dimension.SUBJECT: content["subject"],
        Dimension.PREHEADER: content["preheader"],
        Dimension.CONTENT: template or ("Written for this campaign" if content["source"].strip() else ""),
        Dimension.FROM_NAME: (mailboxes[0].from_name or mailboxes[0].from_email) if mailboxes else "",
        Dimension.SEND_TIME: tested.campaign.leaves or "At once",
    }


def _say(way: Any) -> str:
    if way is None:
        return ""
    if hasattr(way, "strftime"):
        return f"{way:%H:%M}"
    return str(way.template.name) if hasattr(way, "template") else str(way)


def _empty(part: str) -> Any:
    return None if part in (Dimension.CONTENT, Dimension.SEND_TIME) else ""


def _audience(campaign: Campaign) -> int | None:
    """Return how many the campaign reaches (a triggered one: in 30 days); None when a segment of it is broken."""
    try:
        return size_of(campaign).recipients
    except InvalidSegment:
        return None


def _plan(campaign: Campaign, experiment: Experiment, audience: int | None) -> dict[str, Any]:
    """Return what the plan's panel shows."""
    people = audience or 0
    if campaign.is_triggered and experiment.days:
        people = people * experiment.days // REACH_DAYS
    try:
        found = abtest_services.plan_of(experiment, people)
    except ValueError:
        return {"plan_problem": True, "audience": audience}
    whole = abtest_services.plan_of(_with_all(experiment), people)
    per_day = people / (experiment.days or REACH_DAYS) if campaign.is_triggered else None
    return {
        "plan": found,
        "audience": audience,
        "people": people,
        "is_bandit": experiment.mode == Mode.BANDIT,
        "is_reachable_by_share": found.promise != "proves" and whole.promise == "proves",
        "share_needed": math.ceil(100 * found.to_prove * found.arms / people) if people else None,
        "days_needed": math.ceil(found.to_prove * found.arms / per_day + experiment.window_hours / 24)
        if per_day
        else None,
        "lasts": _duration(found.hours),
        "window": _duration(experiment.window_hours),
        "share_used": found.tested / people if people else 0,
        "curve": curve_of(
            experiment, per_arm=found.per_arm, most=max(people // found.arms, found.per_arm, found.to_prove * 5 // 4)
        ),
    }


def _with_all(experiment: Experiment) -> Experiment:
    """Return the same plan for the whole list."""
    copy = Experiment.objects.get(pk=experiment.pk)
    for name in ("base", "lead", "batches", "spacing_minutes", "window_hours"):
        setattr(copy, name, getattr(experiment, name))
    copy.largest_share, copy.per_arm = 1.0, None
    return copy


def _links(tested: Tested) -> list[str]:
    """Return the links of the email as they are written, and the chosen one if it is not there any more."""
    content = sequences.content_of(tested.step)
    try:
        found = compile_email(**content).links if content["source"].strip() else []
    except TemplateError:
        found = []
    links = list(dict.fromkeys(found))
    chosen = tested.experiment.link_label
    return [chosen, *links] if chosen and chosen not in links else links


def _hours() -> list[dict[str, Any]]:
    """Return each metric's two windows, for the words beside the presets."""
    return [
        {
            "metric": metric.value,
            "normal": abtest_services.NORMAL_WINDOWS[metric],
            "fast": abtest_services.FAST_WINDOWS[metric],
        }
        for metric in Metric
    ]


def _lead_range(experiment: Experiment) -> tuple[str, str, str]:
    """Return the slider's least and largest lead and its step, in points, fit for the base rate."""
    top = max(experiment.base, 2 * experiment.lead, 0.005)
    step = 0.05 if top <= 0.02 else 0.1 if top <= 0.1 else 0.5
    return f"{step:g}", f"{math.ceil(min(top, 0.5) * 100 / step) * step:g}", f"{step:g}"


def _duration(hours: float) -> str:
    """Return so many hours as people say it: "29 hours", "3 days", "2 days 5 hours"."""
    days, rest = divmod(round(hours), 24)
    if days < 2:
        return f"{round(hours)} hour{'s' * (round(hours) != 1)}"
    return f"{days} days" + (f" {rest} hour{'s' * (rest != 1)}" if rest else "")


def _spacings(experiment: Experiment) -> list[tuple[int, str]]:
    minutes = experiment.spacing_minutes
    known = dict(SPACINGS) if minutes in SPACINGS else {**SPACINGS, minutes: f"{minutes} minutes apart"}
    return sorted(known.items())


def _place_of(tested: Tested) -> str:
    """The email on the campaign's checklist, or in the builder beside what is live."""
    if tested.campaign.status != Status.DRAFT:
        return f"{reverse('sequences:builder', args=[tested.campaign.sequence_id])}?step={tested.step.key}"
    place = f"step-{tested.step.key}" if tested.campaign.is_long else "ab"
    return f"{reverse('campaigns:detail', args=[tested.campaign.pk])}#{place}"
