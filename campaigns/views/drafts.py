"""Starting a campaign and filling in its checklist."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from abtests import selectors as abtests
from campaigns import selectors, services
from campaigns.audience import size_of
from campaigns.exceptions import StaleCampaignError
from campaigns.forms import LINES, WALL_FORMAT, CampaignForm, step_fields
from campaigns.lines import line_faults
from campaigns.models import Campaign, Kind, Status
from campaigns.readiness import readiness
from campaigns.trigger_form import TriggerForm, errors_by_field
from campaigns.views.library import rows
from campaigns.views.links import report_url
from contacts import selectors as contacts
from contacts.exceptions import InvalidSegment
from core import clock
from core.exceptions import DomainError, InvalidInput
from delivery import selectors as delivery
from frontend.htmx import redirect, render_page, toast, trigger
from sequences import selectors as sequences
from sequences.models import ROOT_LANE, Step, StepKind
from team.access import Capability, MemberRequest, can, capabilities_on, member_view, require
from templates_lib import selectors as templates
from templates_lib import services as template_services
from templates_lib.models import Template
from tracking.selectors import event_names

MAX_CARDS = 12


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.EDIT)
def start(request: MemberRequest) -> HttpResponse:
    """Choose what to start from; the choice creates the draft."""
    if request.method == "POST":
        if request.POST.get("build") or request.POST.get("preset"):
            built = services.create_sequence_campaign(
                workspace=request.workspace, preset=request.POST.get("preset", ""), created_by=request.user
            )
            return redirect(request, "sequences:builder", built.sequence_id)
        campaign = _create(request)
        return redirect(request, "campaigns:detail", campaign.pk)
    library = templates.templates_in(request.workspace)
    context = {
        "templates": list(library.filter(current_version__isnull=False).order_by("-updated_at", "-id")[:MAX_CARDS]),
        "starters": templates.starters(),
        "presets": sequences.presets(),
        "last": selectors.campaigns_in(request.workspace).exclude(status=Status.DRAFT).first()
        or selectors.campaigns_in(request.workspace).first(),
    }
    return render_page(request, "campaigns/start.html", context)


def _create(request: MemberRequest) -> Campaign:
    if duplicate := request.POST.get("duplicate"):
        source = selectors.campaign_in(request.workspace, _number(duplicate))
        return services.duplicate_campaign(source, created_by=request.user)
    if slug := request.POST.get("starter"):
        starter = template_services.use_starter(workspace=request.workspace, slug=slug, user=request.user)
        return services.create_from_template(workspace=request.workspace, template=starter, created_by=request.user)
    if template_id := request.POST.get("template"):
        template = templates.template_in(request.workspace, _number(template_id))
        return services.create_from_template(workspace=request.workspace, template=template, created_by=request.user)
    chosen = (kind for kind in (Kind.DRIP, Kind.TRIGGERED) if request.POST.get(kind.value))
    kind = next(chosen, Kind.BROADCAST)
    return services.create_campaign(workspace=request.workspace, kind=kind, created_by=request.user)


def _number(text: str) -> int:
    if not text.isdecimal():
        raise InvalidInput("This is no id.")
    return int(text)


@require_safe
@member_view(Capability.VIEW)
def detail(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """The campaign where it stands: a draft's checklist, a scheduled one's summary, else its report."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    rights = permissions(request, campaign)
    if campaign.status == Status.DRAFT and rights["can_edit"]:
        return render_page(request, "campaigns/edit.html", {**_checklist(request, campaign), **rights})
    if url := report_url(campaign):
        return redirect(request, url)
    context = {**_summary(campaign), **rights, "row": rows([campaign])[0]}
    return render_page(request, "campaigns/detail.html", context)


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def save(request: MemberRequest, campaign_id: int) -> HttpResponseBase:
    """Autosave: all fields of the checklist, with the version that the page was made from."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    form = CampaignForm.bound(campaign, request.POST)
    triggers = TriggerForm.bound(campaign, request.POST) if campaign.is_triggered else None
    if not form.is_valid() or (triggers and not triggers.is_valid()):
        return JsonResponse({"errors": {**form.errors, **(triggers.errors if triggers else {})}}, status=422)
    changes = form.changes() | ({"trigger": triggers.document()} if triggers else {})
    try:
        services.update_campaign(
            campaign, changes=changes, version=form.cleaned_data["version"], actor=str(request.user)
        )
    except StaleCampaignError as error:
        return toast(HttpResponse(status=409), error.message, level="danger")
    except InvalidInput as error:
        return JsonResponse({"errors": errors_by_field(error.fields) or {"name": [error.message]}}, status=422)
    except DomainError as error:
        return toast(HttpResponse(status=error.status), error.message, level="danger")
    return trigger(HttpResponse(), "saved", {"version": campaign.version})


@require_safe
@member_view(Capability.VIEW)
def summary(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """What is ready and how many it goes to: fetched after each save."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    return render_page(request, "campaigns/_summary.html", {**_summary(campaign), "ticks": True})


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def accept_audience(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Go on without the lists and segments that were deleted."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    services.update_campaign(campaign, changes={"lost_audience": []}, actor=str(request.user))
    return redirect(request, reverse("campaigns:detail", args=[campaign.pk]) + "#audience")


@require_http_methods(["GET", "HEAD", "POST"])
@member_view(Capability.EDIT, on=Campaign)
def template(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Choose the email: a dialog of templates; POST takes one."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    step = services.email_of(campaign, request.GET.get("step", ""))
    if request.method == "POST":
        if slug := request.POST.get("starter"):
            require(request.membership, Capability.EDIT)  # it becomes a template of the library
            chosen = template_services.use_starter(workspace=request.workspace, slug=slug, user=request.user)
        else:
            chosen = templates.template_in(request.workspace, _number(request.POST.get("template", "")))
        services.choose_template(campaign, template=chosen, step_key=step.key, actor=str(request.user))
        return redirect(request, _place_of(campaign, step))
    query = request.GET.get("q", "")
    library = templates.search_templates(templates.templates_in(request.workspace), query)
    context = {
        "campaign": campaign,
        "templates": list(library.filter(current_version__isnull=False)[:60]),
        "starters": templates.starters() if can(request.membership, Capability.EDIT) else [],
        "step": step,
        "chosen": _template_of(step),
        "query": query,
    }
    return render_page(request, "campaigns/templates.html", context, partial="content")


@require_POST
@member_view(Capability.EDIT, on=Campaign)
def newest_template(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Take the newest version of the template that the campaign uses."""
    campaign = selectors.campaign_in(request.workspace, campaign_id)
    step = services.email_of(campaign, request.GET.get("step", ""))
    if (chosen := _template_of(step)) is not None:
        changes = {"step_changes": {step.key: {"template": chosen}}}
        services.update_campaign(campaign, changes=changes, actor=str(request.user))
    return redirect(request, _place_of(campaign, step))


def _place_of(campaign: Campaign, step: Step) -> str:
    """The checklist at this email."""
    place = f"step-{step.key}" if campaign.is_long else "email"
    return f"{reverse('campaigns:detail', args=[campaign.pk])}#{place}"


def permissions(request: MemberRequest, campaign: Campaign) -> dict[str, bool]:
    """Return what the member may do with the campaign, by role or by a share, for templates."""
    own = capabilities_on(request.membership, [campaign])[campaign.pk]
    return {
        "can_edit": Capability.EDIT in own,
        "can_send": Capability.SEND in own,
        "can_create": can(request.membership, Capability.EDIT),
        "can_share": can(request.membership, Capability.MANAGE),
    }


def _template_of(step: Step) -> Template | None:
    return step.template_version.template if step.template_version else None


def _summary(campaign: Campaign) -> dict[str, Any]:
    steps = selectors.steps_of(campaign)
    ready = readiness(campaign, steps=steps)
    try:
        size, broken = size_of(campaign), ""
    except InvalidSegment as error:
        size, broken = None, error.message
    emails = selectors.emails_of(campaign)
    return {
        "campaign": campaign,
        "is_drip": campaign.is_long,
        "steps_ready": ready.subject and ready.email,
        "ready": ready,
        "size": size,
        "broken_segment": broken,
        "mailboxes": selectors.mailboxes_of(campaign),
        "subject": selectors.subject_of(emails[0]) if emails else "",
        "emails": emails,
    }


def _checklist(request: MemberRequest, campaign: Campaign) -> dict[str, Any]:
    workspace = request.workspace
    lists = list(contacts.lists_in(workspace))
    sizes = contacts.list_sizes([item.pk for item in lists])
    form = CampaignForm.of(campaign)
    edited = request.GET.get("edited", "")
    return {
        **_summary(campaign),
        "form": form,
        "trigger_form": TriggerForm.of(campaign) if campaign.is_triggered else None,
        "event_names": event_names(workspace),
        "rows": step_rows(campaign, form, edited=edited),
        "lists": [(item, sizes[item.pk]) for item in lists],
        "segments": list(contacts.segments_in(workspace)),
        "senders": list(delivery.mailboxes_in(workspace)),
        "chosen": {relation: _ids(campaign, relation) for relation in RELATIONS},
        "merge_fields": templates.merge_fields(workspace),
        "suggested_time": _tomorrow_morning(campaign),
    }


def step_rows(campaign: Campaign, form: CampaignForm | None = None, *, edited: str = "") -> list[dict[str, Any]]:
    """Return what the checklist shows of each step; `edited` is the key of an email whose template was just edited."""
    form = form or CampaignForm.of(campaign)
    rows: list[dict[str, Any]] = []
    drip = campaign.is_long
    steps = selectors.steps_of(campaign)
    for step in (step for step in steps if step.lane == ROOT_LANE):
        ending = f"-{step.key}" if drip else ""
        fields = [name for name in form.fields if step.is_plain and name in step_fields(step)] if drip else list(LINES)
        version = step.template_version
        template = _template_of(step)
        is_email = step.kind == StepKind.EMAIL
        rows.append(
            {
                "step": step,
                "is_email": is_email,
                "is_plain": step.is_plain,
                "number": sum(row["is_email"] for row in rows) + 1,
                "fields": {name.removesuffix(ending): form[name] for name in fields},
                "faults": line_faults(subject=step.subject, preheader=step.preheader) if is_email else {},
                "template": template,
                "version": version,
                "newer": template.current_version
                if template and version and template.current_version_id != version.pk
                else None,
                "came_back": edited in ("email", step.key),
                "test": step.experiment,
                "test_versions": abtests.variants_of(step.experiment) if step.experiment else [],
            }
        )
    return rows


def _tomorrow_morning(campaign: Campaign) -> str:
    """What the schedule shows until a time is chosen: nine o'clock of the next day in the campaign's zone."""
    local = clock.now().astimezone(ZoneInfo(campaign.time_zone)) + timedelta(days=1)
    return local.replace(hour=9, minute=0).strftime(WALL_FORMAT)


RELATIONS = ("lists", "segments", "excluded_lists", "excluded_segments", "mailboxes")


def _ids(campaign: Campaign, relation: str) -> set[int]:
    return {item.pk for item in getattr(campaign, relation).all()}
