"""Previews: each is a document at its own URL, in a sandbox in which no script ever runs."""

import json
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.html import escape
from django.views.decorators.http import require_GET, require_POST

from core.exceptions import NotFound
from frontend.htmx import render_page
from team.access import Capability, MemberRequest, member_view
from templates_lib import people, previews, samples, selectors
from templates_lib.content import Content, content_of
from templates_lib.forms import ContentForm, PreviewForm
from templates_lib.starters import STARTERS

MAX_PROBLEMS = 50


@member_view(Capability.VIEW)
@require_POST
def live(request: MemberRequest) -> HttpResponseBase:
    """Compile what is in the editor and answer with its problems, its text and the URL of its preview."""
    form, choice = ContentForm(request.POST), PreviewForm(request.POST)
    if not form.is_valid() or not choice.is_valid():
        return HttpResponse("The preview can’t be made from this.", status=422)
    context = samples.preview_context(
        request.workspace, contact_id=choice.cleaned_data["contact"], locale=choice.cleaned_data["locale"]
    )
    content = form.content
    preview = previews.preview(content, request.workspace, context)
    shown = preview.rendered
    key = ""
    if shown is not None:
        key = previews.keep(request.workspace, shown.html or _as_page(shown.text))
    return render_page(
        request,
        "templates_lib/preview.html",
        {
            "preview": preview,
            "rendered": shown,
            "preview_key": key,
            "problems": preview.problems[:MAX_PROBLEMS],
            "lint_source": _lint(preview, "source"),
            "lint_text": _lint(preview, "text_source"),
        },
    )


@member_view(Capability.VIEW)
@require_GET
def kept(request: MemberRequest, key: str) -> HttpResponseBase:
    """Show a preview made from the editor."""
    return document(request, previews.kept(request.workspace, key))


@member_view(Capability.VIEW)
@require_GET
def saved(request: MemberRequest, template_id: int) -> HttpResponseBase:
    """Show a template's current version, or the one in `?version=`."""
    template = selectors.template_in(request.workspace, template_id)
    number = request.GET.get("version", "")
    version = selectors.version_of(template, int(number)) if number.isdecimal() else selectors.current_version(template)
    return _shown(request, content_of(version))


@member_view(Capability.VIEW)
@require_GET
def starter(request: MemberRequest, slug: str) -> HttpResponseBase:
    """Show one of our own templates."""
    found = STARTERS.get(slug)
    if found is None:
        raise NotFound("There is no such starter.")
    return _shown(request, found.content)


@member_view(Capability.VIEW)
@require_GET
def contacts(request: MemberRequest) -> HttpResponseBase:
    """Offer contacts to preview as."""
    query = request.GET.get("q", "")[:100]
    found = people.registered().find(request.workspace, query)
    return render_page(request, "templates_lib/people.html", {"people": found, "query": query})


def document(request: HttpRequest, html: str) -> HttpResponse:
    """Return a mail's HTML as a sandboxed document: no scripts, forms or plug-ins; images by https, data: or from here."""
    if request.GET.get("dark"):
        html = previews.in_the_dark(html)
    response = HttpResponse(html)
    response["Content-Security-Policy"] = content_security_policy(request)
    response["X-Frame-Options"] = "SAMEORIGIN"
    response["Cache-Control"] = "private, max-age=60"
    response["Referrer-Policy"] = "no-referrer"
    return response


def content_security_policy(request: HttpRequest) -> str:
    """Return the policy of a previewed mail.  Its origin is kept (so that the page can keep its scroll position)."""
    here = f"{request.scheme}://{request.get_host()}"
    base = urlsplit(settings.BASE_URL)
    return "; ".join(
        [
            "default-src 'none'",
            "style-src 'unsafe-inline'",
            f"img-src data: https: {here} {base.scheme}://{base.netloc}",
            "font-src data: https:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
            "sandbox allow-same-origin",
        ]
    )


def _shown(request: MemberRequest, content: Content) -> HttpResponse:
    preview = previews.preview(content, request.workspace, samples.preview_context(request.workspace))
    if preview.rendered is None:
        return document(request, _as_page("\n".join(str(problem) for problem in preview.errors)))
    return document(request, preview.rendered.html or _as_page(preview.rendered.text))


def _as_page(text: str) -> str:
    return (
        "<!doctype html><meta name='color-scheme' content='light dark'><style>body{margin:24px}pre{white-space:pre-wrap;"
        f"overflow-wrap:anywhere;font:15px/1.6 ui-monospace,monospace}}</style><pre>{escape(text)}</pre>"
    )


def _lint(preview: previews.Preview, part: str) -> str:
    """Return the problems of one part as the JSON that the source editor marks (HTMX swaps no script elements)."""
    found = [
        {"line": problem.line, "column": problem.column, "message": problem.message, "severity": problem.severity}
        for problem in preview.problems
        if problem.part == part
    ]
    return json.dumps(found[:MAX_PROBLEMS])
