from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.exceptions import InvalidInput
from team.api.base import ReadMixin, WorkspaceViewSet
from tracking import selectors, services
from tracking.api.serializers import GIVEN_EVENTS, EventSerializer, TakenSerializer
from tracking.given import MAX_EVENTS
from tracking.models import CustomEvent


class EventViewSet(ReadMixin, WorkspaceViewSet[CustomEvent]):
    """Events: what contacts did elsewhere, told by name.  They start triggered campaigns and wake sequences that wait."""

    scope = "events"
    serializer_class = EventSerializer

    def get_queryset(self) -> QuerySet[CustomEvent]:
        if self.action != "list":
            return selectors.custom_events_in(self.workspace)
        query = self.request.query_params
        contact = query.get("contact", "")
        if contact and not (contact.isdecimal() and len(contact) < 19):
            raise InvalidInput("contact is an id.", fields={"contact": ["Give an id."]})
        return selectors.find_custom_events(
            self.workspace,
            name=query.get("name", ""),
            contact_id=int(contact) if contact else None,
            email=query.get("email", ""),
            key=query.get("key", ""),
        )

    @extend_schema(
        parameters=[
            OpenApiParameter("name", str, description="Only events of this name."),
            OpenApiParameter("contact", int, description="Only those of one contact."),
            OpenApiParameter("email", str, description="Only those of the contact with this address."),
            OpenApiParameter("key", str, description="The event with this key."),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(
        request={"application/json": GIVEN_EVENTS},
        responses={201: EventSerializer, 200: TakenSerializer},
    )
    def create(self, request: Request) -> Response:
        """Take one event, or an array of up to 1,000.

        One: 201 with the event; 200 with the event of that key if the key is known; 422 if it is faulty.  An array: 200 with
        what came of it, as faulty events stop no others; 422 if it is too long.
        """
        given = request.data
        if isinstance(given, list):
            return Response(self._take_many(given))
        taken = services.take_events(workspace_id=self.workspace.pk, given=[given])
        if taken.errors:
            errors = taken.errors[0]
            name, messages = next(iter(errors.items()))
            raise InvalidInput(f"{name}: {messages[0]}", fields=errors)
        events = selectors.custom_events_in(self.workspace)
        if taken.ids:
            return Response(EventSerializer(events.get(pk=taken.ids[0])).data, status=201)
        return Response(EventSerializer(events.get(key=given["key"].strip())).data)

    def _take_many(self, given: Sequence[object]) -> dict[str, Any]:
        if len(given) > MAX_EVENTS:
            message = f"At most {MAX_EVENTS:,} events can be given at once; these are {len(given):,}."
            raise InvalidInput(message, fields={"events": [message]})
        taken = services.take_events(workspace_id=self.workspace.pk, given=given)
        return {
            "received": len(given),
            "created": len(taken.ids),
            "duplicates": taken.duplicates,
            "errors": [{"index": place, "errors": errors} for place, errors in taken.errors.items()],
        }
