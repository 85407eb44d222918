"""The builder: the steps of a sequence as a tree."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from frontend.htmx import render_page
from sequences.models import Sequence
from sequences.views.access import frame, sequence_view
from team.access import Capability, MemberRequest


@require_safe
@sequence_view(Capability.VIEW)
def builder(request: MemberRequest, sequence: Sequence) -> HttpResponse:
    """The draft's steps, or the live ones."""
    return render_page(request, "sequences/builder.html", frame(request, sequence))
