"""The style guide: every component in one place, with small endpoints that answer as real ones do. DEBUG only."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from frontend import htmx, samples
from frontend.charts import Chart, Series
from frontend.pagination import Page

SAMPLE_MOMENT = datetime(2026, 11, 24, 8, 12, tzinfo=UTC)
LAYOUTS = {"auth": "styleguide/auth.html", "public": "styleguide/public.html", "error": "404.html"}


def debug_only[**P](view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Hides the view outside of DEBUG."""

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not settings.DEBUG:
            raise Http404
        return view(*args, **kwargs)

    return wrapped


@debug_only
@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    """Shows every component."""
    invalid_form = samples.SampleForm({"name": "", "sender": "not an address"})
    invalid_form.is_valid()
    chart = Chart(
        "line",
        [f"{day} Nov" for day in range(1, 25)],
        [
            Series("Sent", samples.SENT, fill=True),
            Series("Opens", [round(n * 0.52) for n in samples.SENT], colour="green", dashed=True),
            Series("Replies", [round(n * 0.03) for n in samples.SENT], colour="orange", dashed=True),
        ],
    )
    context = {
        "nav": "campaigns:list",
        "form": samples.SampleForm(),
        "invalid_form": invalid_form,
        "editor_form": samples.EditorForm(),
        "merge_fields": samples.MERGE_FIELDS,
        "problems": samples.PROBLEMS,
        "chart": chart,
        "empty_chart": Chart("line", [], []),
        "bars": Chart(
            "stacked",
            ["Mon", "Tue", "Wed"],
            [Series("Human", [4, 6, 3], "green"), Series("Machine", [2, 1, 4], "grey")],
        ),
        "states": samples.STATES,
        "moment": SAMPLE_MOMENT,
        "people": samples.PEOPLE,
        "steps": samples.STEPS,
    }
    return render(request, "styleguide/styleguide.html", context | _rows(request) | _progress(0))


def _rows(request: HttpRequest) -> dict[str, object]:
    found = [row for row in samples.CAMPAIGNS if request.GET.get("q", "").lower() in row.name.lower()]
    if state := request.GET.get("status"):
        found = [row for row in found if row.status == state]
    key = request.GET.get("sort", "name")
    found.sort(key=lambda row: getattr(row, key.removeprefix("-"), row.name), reverse=key.startswith("-"))
    start = int(request.GET.get("cursor") or 0)
    page = Page(found[start : start + 4], str(start + 4) if len(found) > start + 4 else "")
    return {"page": page, "chosen_status": state}


@debug_only
@require_GET
def rows(request: HttpRequest) -> HttpResponse:
    """Answers searches, filters, sorting and "show more" of the sample table."""
    return htmx.render_page(request, "styleguide/table.html", _rows(request), partial="table")


@debug_only
def form(request: HttpRequest) -> HttpResponse:
    """Shows and takes the sample form: 422 with its errors, or a toast."""
    sample = samples.SampleForm(request.POST or None)
    if request.method != "POST":
        return htmx.render_page(request, "styleguide/form.html", {"form": sample}, partial="form")
    if not sample.is_valid():
        return htmx.invalid(request, "styleguide/form.html", {"form": sample})
    response = htmx.render_page(request, "styleguide/form.html", {"form": samples.SampleForm()}, partial="form")
    return htmx.toast(response, f"Saved {sample.cleaned_data['name']}.")


@debug_only
@require_POST
def autosave(request: HttpRequest) -> HttpResponse:
    """Takes one autosave: refuses the name "stale" as changed by someone else, and an empty one as invalid."""
    name = request.POST.get("name", "")
    if name == "stale":
        return htmx.refuse(request, "Grace saved this a minute ago.")
    if not name:
        return JsonResponse({"errors": {"name": ["Write a name."]}}, status=422)
    version = int(request.POST.get("version") or 0) + 1
    return htmx.trigger(HttpResponse(), "saved", {"version": version})


@debug_only
@require_POST
def order(request: HttpRequest) -> HttpResponse:
    """Takes the order of the sample list; refuses one that starts with "exit"."""
    if request.POST.getlist("order")[:1] == ["exit"]:
        return htmx.refuse(request, "A sequence can't start with its exit.")
    return htmx.toast(HttpResponse(status=204), "Order saved.", undo_url=request.path)


def _progress(done: int) -> dict[str, object]:
    return {"done": done, "total": 12_000, "next_url": f"{reverse('frontend:styleguide-progress')}?done={done}"}


@debug_only
@require_GET
def progress(request: HttpRequest) -> HttpResponse:
    """Advances the sample job by a third each time, and ends the polling when it is done."""
    done = min(12_000, int(request.GET.get("done") or 0) + 4_000)
    response = render(request, "styleguide/progress.html", _progress(done))
    return htmx.stop_polling(response) if done == 12_000 else response


@debug_only
@require_POST
def refused(request: HttpRequest) -> HttpResponse:
    """Refuses, as a state that forbids it does."""
    return htmx.refuse(request, "Only a draft can be scheduled.")


@debug_only
def dialog(request: HttpRequest) -> HttpResponse:
    """Answers with a dialog's content, and closes it when its form arrives."""
    if request.method == "POST":
        return htmx.trigger(htmx.toast(HttpResponse(status=204), "List renamed."), "dialog-close")
    return render(request, "styleguide/dialog.html")


@debug_only
@require_GET
def layout(request: HttpRequest, name: str) -> HttpResponse:
    """Shows one of the layouts without navigation."""
    if name not in LAYOUTS:
        raise Http404
    return render(request, LAYOUTS[name], {"form": samples.SampleForm(), "brand_name": "Acme Marketing"})
