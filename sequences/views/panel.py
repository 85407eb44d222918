"""The panel beside the canvas: the settings of one step, and what was said about it."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from abtests import selectors as abtests
from core.exceptions import DomainError, NotFound
from frontend.htmx import invalid, redirect, render_page, toast, trigger
from sequences import forms, selectors, services
from sequences.exceptions import SequenceError, StaleDraftError, StepError
from sequences.models import Sequence, Step
from sequences.views.access import sequence_view
from sequences.views.builder import page_of
from sequences.views.canvas import version_shown
from sequences.views.edit import stale
from team.access import Capability, MemberRequest, may, require, require_on


@require_http_methods(["GET", "HEAD", "POST"])
@sequence_view(Capability.VIEW)
def step(request: MemberRequest, sequence: Sequence, key: str) -> HttpResponse:
    """A step's settings; POST saves them.  `?as=` shows the form of another sort, `?refresh=1` what was typed so far."""
    _, steps = version_shown(sequence)
    edited = _step(steps, key)
    around = forms.around(sequence, steps)
    slug = request.GET.get("as") or request.POST.get("as", "")
    sort = forms.sort_of(edited)
    if slug in forms.BY_SLUG and forms.BY_SLUG[slug] in forms.siblings_of(sort):
        sort = forms.BY_SLUG[slug]
    if request.method != "POST":
        typed = request.GET.dict() if "refresh" in request.GET else {}
        form = sort(step=edited, around=around, initial=typed)
        return render_page(request, "sequences/panel.html", _context(request, sequence, edited, form), partial="panel")

    require_on(request.membership, Capability.EDIT, selectors.owner_of(sequence))
    form = sort(request.POST, step=edited, around=around)
    if not form.is_valid():
        return invalid(request, "sequences/panel.html", _context(request, sequence, edited, form), partial="panel")
    revision = request.POST.get("revision", "")
    try:
        done = services.change_step(
            sequence,
            key=key,
            changes=form.changes(),
            lane_names=form.lane_names(),
            revision=int(revision) if revision.isdecimal() else None,
            actor=str(request.user),
        )
    except StaleDraftError as error:
        return stale(error)
    except StepError as error:
        form.add_faults(error)
        return invalid(request, "sequences/panel.html", _context(request, sequence, edited, form), partial="panel")
    except SequenceError as error:
        return toast(HttpResponse(status=error.status), error.message, level="danger")
    page = page_of(request, sequence)
    _, steps = version_shown(sequence)
    saved = _step(steps, key)
    form = forms.sort_of(saved)(step=saved, around=forms.around(sequence, steps))
    context = {**page, **_context(request, sequence, saved, form), "saved": True}
    response = render_page(request, "sequences/panel.html", context, partial="panel")
    return trigger(response, "sequence-changed", {"what": done.what, "key": ""})


@require_POST
@sequence_view(Capability.EDIT)
def content(request: MemberRequest, sequence: Sequence, key: str) -> HttpResponse:
    """Edit an email's content: what was written for this step alone becomes a template first."""
    require(request.membership, Capability.EDIT)  # it becomes a template of the library
    edited = services.make_template(sequence, key=key, user=request.user, actor=str(request.user))
    back = f"{reverse('sequences:builder', args=[sequence.pk])}%3Fstep%3D{key}"
    return redirect(request, f"{reverse('templates_lib:edit', args=[edited.pk])}?next={back}")


@require_POST
@sequence_view(Capability.EDIT)
def newest(request: MemberRequest, sequence: Sequence, key: str) -> HttpResponse:
    """Take the newest version of the email's template."""
    services.take_newest(sequence, key=key, actor=str(request.user))
    return redirect(request, f"{reverse('sequences:builder', args=[sequence.pk])}?step={key}")


@require_POST
@sequence_view(Capability.VIEW)
def comment(request: MemberRequest, sequence: Sequence, key: str) -> HttpResponse:
    """Say something about the step."""
    try:
        services.add_comment(sequence, key=key, text=request.POST.get("text", ""), author=request.user)
    except DomainError as error:
        return _comments(request, sequence, key, error=error.message, text=request.POST.get("text", ""), status=422)
    return _comments(request, sequence, key)


@require_POST
@sequence_view(Capability.VIEW)
def settle_comment(request: MemberRequest, sequence: Sequence, comment_id: int) -> HttpResponse:
    """Resolve a comment, open it again (`do=reopen`), or delete one's own (`do=delete`)."""
    found = selectors.comment_in(sequence, comment_id)
    if request.POST.get("do") == "delete":
        services.remove_comment(found, by=request.user)
    else:
        services.resolve_comment(found, by=request.user, resolved=request.POST.get("do") != "reopen")
    return _comments(request, sequence, found.step_key)


def _comments(request: MemberRequest, sequence: Sequence, key: str, *, status: int = 200, **more: Any) -> HttpResponse:
    comments = selectors.comments_of(sequence, key)
    context = {"sequence": sequence, "key": key, "comments": comments, "member": request.user, **more}
    response = render_page(request, "sequences/_comments.html", context, status=status)
    waiting = sum(comment.resolved_at is None for comment in comments)
    return trigger(response, "comments-changed", {"key": key, "open": waiting})


def _context(request: MemberRequest, sequence: Sequence, edited: Step, form: forms.StepForm) -> dict[str, Any]:
    version = edited.version
    template = edited.template_version.template if edited.template_version else None
    newer = template is not None and template.current_version_id != edited.template_version_id
    owner = selectors.owner_of(sequence)
    return {
        "sequence": sequence,
        "version": version,
        "step": edited,
        "key": edited.key,
        "form": form,
        "sort": type(form),
        "number": form.around.numbers[edited.key],
        "siblings": forms.siblings_of(type(form)),
        "editable": version.published_at is None and may(request.membership, Capability.EDIT, type(owner), owner.pk),
        "template": template,
        "newer": newer,
        "campaign": None if owner is sequence else owner,
        "test_versions": abtests.variants_of(edited.experiment) if edited.experiment else [],
        "comments": selectors.comments_of(sequence, edited.key),
        "member": request.user,
    }


def _step(steps: list[Step], key: str) -> Step:
    found = next((step for step in steps if step.key == key), None)
    if found is None:
        raise NotFound("The step is gone.")
    return found
