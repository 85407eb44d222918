"""Sequences as files."""

import json

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_safe

from core.exceptions import DomainError
from frontend.htmx import invalid, redirect, render_page
from sequences import selectors, services
from sequences.exceptions import SequenceError, StaleDraftError
from sequences.models import Sequence
from sequences.views.access import frame, sequence_view
from sequences.views.edit import stale
from team.access import Capability, MemberRequest


class ImportForm(forms.Form):
    """A file with steps."""

    file = forms.FileField(
        label="File", help_text="As “Export” writes it, or the steps of the API; up to 10 MB.",
        widget=forms.ClearableFileInput({"accept": ".json,application/json"}),
    )  # fmt: skip
    revision = forms.IntegerField(widget=forms.HiddenInput, min_value=0)


@require_safe
@sequence_view(Capability.VIEW)
def export(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """The steps with their content as a file."""
    text = json.dumps(services.export_steps(sequence), indent=2, ensure_ascii=False)
    response = HttpResponse(text, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{slugify(sequence.name) or "sequence"}.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@sequence_view(Capability.EDIT)
def import_file(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """A dialog that takes a file and makes its steps the draft's."""
    version = selectors.draft_version(sequence)
    if version is None:
        raise SequenceError("There is no draft to import into.")
    if request.method != "POST":
        context = {**frame(request, sequence), "form": ImportForm(initial={"revision": version.revision})}
        return render_page(request, "sequences/import.html", context, partial="content")
    form = ImportForm(request.POST, request.FILES)
    if form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            done = services.import_steps(
                sequence,
                data=upload.read(services.MAX_FILE + 1),
                revision=form.cleaned_data["revision"],
                actor=str(request.user),
            )
        except StaleDraftError as error:
            return stale(error)
        except DomainError as error:
            form.add_error("file", error.message)
        else:
            messages.success(request, f"{done.what}.")
            return redirect(request, "sequences:builder", sequence.pk)
    context = {**frame(request, sequence), "form": form}
    return invalid(request, "sequences/import.html", context, partial="content")
