"""A test's numbers to take away: all that is needed to make every verdict again."""

from collections.abc import Iterator
from typing import Any

from django.http import JsonResponse, StreamingHttpResponse
from django.views.decorators.http import require_safe

from abtests import reading
from abtests.exports import as_document, as_rows
from abtests.views.access import subject_of
from core import clock
from core.spreadsheets import csv_response
from team.access import Capability, MemberRequest, member_view


@require_safe
@member_view(Capability.VIEW)
def as_csv(request: MemberRequest, experiment_id: int) -> StreamingHttpResponse:
    """A row a version, then a row a look and version."""
    experiment = subject_of(request, experiment_id).experiment
    rows: Iterator[list[Any]] = as_rows(reading.results(experiment, now=clock.now()))
    return csv_response(rows, name=f"test-{experiment.pk}.csv")


@require_safe
@member_view(Capability.VIEW)
def as_json(request: MemberRequest, experiment_id: int) -> JsonResponse:
    """The test, its versions and its looks, each with its question and verdict."""
    experiment = subject_of(request, experiment_id).experiment
    document = as_document(reading.results(experiment, now=clock.now()))
    response = JsonResponse(document, json_dumps_params={"indent": 2})
    response.headers["Content-Disposition"] = f'attachment; filename="test-{experiment.pk}.json"'
    return response
