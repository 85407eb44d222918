from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from contacts import selectors, services
from contacts.addresses import email_key
from contacts.api import filters, serializers
from contacts.exports import rejected_rows
from contacts.models import Contact, ContactField, Import, List, Segment, Suppression
from contacts.selectors import ContactFilter
from core.exceptions import InvalidInput, NotFound
from core.spreadsheets import csv_response
from team.access import Capability
from team.api.base import CreateMixin, DeleteMixin, ReadMixin, UpdateMixin, WorkspaceViewSet

_LIST_PARAMETERS = [
    OpenApiParameter("email", str, description="The contact with this address, in any case."),
    OpenApiParameter("q", str, description="Words in address, names or company."),
    OpenApiParameter("list", int, description="Members of this list."),
    OpenApiParameter("segment", int, description="Contacts that this segment matches now."),
    OpenApiParameter("status", str, enum=list(filters.STATUSES), description="Whether the address gets mail."),
    OpenApiParameter("updated_since", OpenApiTypes.DATETIME, description="Changed at or after this moment."),
]


@extend_schema_view(list=extend_schema(parameters=_LIST_PARAMETERS))
class ContactViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[Contact]):
    """The people who can get mail."""

    scope = "contacts"
    serializer_class = serializers.ContactSerializer

    def get_queryset(self) -> QuerySet[Contact]:
        contacts = selectors.contacts_in(self.workspace)
        if self.action == "list":
            contacts = self._filtered()
        return selectors.with_state(contacts, self.workspace)

    def _filtered(self) -> QuerySet[Contact]:
        request = self.request
        criteria = ContactFilter(
            query=request.query_params.get("q", ""),
            list_id=filters.integer(request, "list"),
            segment_id=filters.integer(request, "segment"),
            status=filters.one_of(request, "status", filters.STATUSES),
        )
        contacts = selectors.find_contacts(self.workspace, criteria)
        if email := request.query_params.get("email"):
            contacts = contacts.filter(email_key=email_key(email.strip()))
        if since := filters.moment(request, "updated_since"):
            contacts = contacts.filter(updated_at__gte=since)
        return contacts

    def create_object(self, data: dict[str, Any]) -> Contact:
        lists = self._lists(data.pop("list_ids", []))
        return self._again(services.create_contact(workspace=self.workspace, lists=lists, **data))

    def update_object(self, instance: Contact, data: dict[str, Any]) -> Contact:
        lists = self._lists(data.pop("list_ids")) if "list_ids" in data else None
        return self._again(services.update_contact(instance, lists=lists, **data))

    def delete_object(self, instance: Contact) -> None:
        services.delete_contacts(workspace=self.workspace, contact_ids=[instance.pk])

    def _again(self, contact: Contact) -> Contact:
        return selectors.with_state(selectors.contacts_in(self.workspace), self.workspace).get(pk=contact.pk)

    def _lists(self, ids: list[int]) -> list[List]:
        found = list(selectors.lists_in(self.workspace).filter(pk__in=ids))
        missing = set(ids) - {each.pk for each in found}
        if missing:
            message = f"There is no list {', '.join(map(str, sorted(missing)))}."
            raise InvalidInput(message, fields={"lists": [message]})
        return found

    @extend_schema(
        request={"multipart/form-data": serializers.UploadSerializer}, responses={202: serializers.ImportSerializer}
    )
    @action(detail=False, methods=["post"], url_path="import", parser_classes=[MultiPartParser])
    def import_(self, request: Request) -> Response:
        """Import a CSV file; follow it by `GET imports/{id}/`."""
        upload = serializers.UploadSerializer(data=request.data)
        upload.is_valid(raise_exception=True)
        data = upload.validated_data
        list_ = self._target_list(data)
        names = ("encoding", "delimiter", "has_header", "date_order", "decimal_comma")
        layout = {name: data[name] for name in names if data.get(name) is not None}
        source = services.import_file(
            workspace=self.workspace,
            file=data["file"],
            mapping=data.get("mapping"),
            list_=list_,
            new_list="" if list_ else data.get("list_name", ""),
            update_existing=data["update_existing"],
            created_by=self.actor_user,
            **layout,
        )
        serializer = serializers.ImportSerializer(source, context=self.get_serializer_context())
        return Response(serializer.data, status=status.HTTP_202_ACCEPTED)

    def _target_list(self, data: dict[str, Any]) -> List | None:
        """Return the list that is named by id or name; None without one, and for a name that no list has yet."""
        if "list" in data:
            return self._lists([data["list"]])[0]
        return selectors.lists_in(self.workspace).filter(name=data.get("list_name", "").strip()).first()


class ContactFieldViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[ContactField]):
    """Custom fields of contacts: their keys are merge fields."""

    scope = "contacts"
    serializer_class = serializers.ContactFieldSerializer

    def get_queryset(self) -> QuerySet[ContactField]:
        return selectors.fields_in(self.workspace)

    def create_object(self, data: dict[str, Any]) -> ContactField:
        return services.create_field(workspace=self.workspace, type_=data.pop("type"), **data)

    def update_object(self, instance: ContactField, data: dict[str, Any]) -> ContactField:
        for name in ("key", "type"):
            if name in data and data[name] != getattr(instance, name):
                message = f"The {name} of a field can't be changed: templates and values rely on it."
                raise InvalidInput(message, fields={name: [message]})
        return services.update_field(instance, label=data.get("label"), choices=data.get("choices"))

    def delete_object(self, instance: ContactField) -> None:
        services.delete_field(instance)


class ListViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[List]):
    """Lists of contacts."""

    scope = "contacts"
    serializer_class = serializers.ListSerializer

    def get_queryset(self) -> QuerySet[List]:
        return selectors.lists_with_size(self.workspace)

    def create_object(self, data: dict[str, Any]) -> List:
        return services.create_list(workspace=self.workspace, **data)

    def update_object(self, instance: List, data: dict[str, Any]) -> List:
        return services.update_list(instance, **data)

    def delete_object(self, instance: List) -> None:
        services.delete_list(instance)

    @extend_schema(request=serializers.MembersSerializer, responses=serializers.ChangedSerializer)
    @action(detail=True, methods=["post"])
    def members(self, request: Request, pk: str) -> Response:
        """Put contacts into the list; those in it already, and ids of no contact, change nothing."""
        added = services.add_members(list_=self.get_object(), contact_ids=self._contacts(request))
        return Response({"changed": added})

    @extend_schema(request=serializers.MembersSerializer, responses=serializers.ChangedSerializer)
    @action(detail=True, methods=["post"], url_path="members/remove")
    def remove_members(self, request: Request, pk: str) -> Response:
        """Take contacts out of the list."""
        removed = services.remove_members(list_=self.get_object(), contact_ids=self._contacts(request))
        return Response({"changed": removed})

    def _contacts(self, request: Request) -> list[int]:
        members = serializers.MembersSerializer(data=request.data)
        members.is_valid(raise_exception=True)
        return list(members.validated_data["contacts"])


class SegmentViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[Segment]):
    """Saved questions about contacts."""

    scope = "contacts"
    read_actions: ClassVar[frozenset[str]] = frozenset({"count_unsaved"})
    serializer_class = serializers.SegmentSerializer

    def get_queryset(self) -> QuerySet[Segment]:
        return selectors.segments_in(self.workspace)

    def create_object(self, data: dict[str, Any]) -> Segment:
        return services.create_segment(workspace=self.workspace, **data)

    def update_object(self, instance: Segment, data: dict[str, Any]) -> Segment:
        return services.update_segment(instance, **data)

    def delete_object(self, instance: Segment) -> None:
        services.delete_segment(instance)

    @extend_schema(responses=serializers.CountSerializer)
    @action(detail=True, methods=["get"], url_path="count")
    def count(self, request: Request, pk: str) -> Response:
        """Count the contacts that the segment matches now."""
        return Response({"count": selectors.count_matching(self.workspace, self.get_object().definition)})

    @extend_schema(request=serializers.DefinitionSerializer, responses=serializers.CountSerializer)
    @action(detail=False, methods=["post"], url_path="count")
    def count_unsaved(self, request: Request) -> Response:
        """Count the contacts that a definition matches, without saving it."""
        question = serializers.DefinitionSerializer(data=request.data)
        question.is_valid(raise_exception=True)
        definition = selectors.checked_definition(self.workspace.pk, question.validated_data["definition"])
        return Response({"count": selectors.count_matching(self.workspace, definition)})

    @extend_schema(responses=serializers.SubjectSerializer(many=True))
    @action(detail=False, methods=["get"], pagination_class=None)
    def subjects(self, request: Request) -> Response:
        """List what conditions can ask about, with the operators and options of each."""
        subjects = selectors.subjects_in(self.workspace.pk).values()
        return Response(serializers.SubjectSerializer(subjects, many=True).data)


class ImportViewSet(ReadMixin, WorkspaceViewSet[Import]):
    """Imports of CSV files; `POST contacts/import/` starts one."""

    scope = "contacts"
    serializer_class = serializers.ImportSerializer

    def get_queryset(self) -> QuerySet[Import]:
        return selectors.imports_in(self.workspace)

    @extend_schema(request=None, responses=serializers.ImportSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop the import; what is imported so far stays."""
        return Response(self.get_serializer(services.cancel_import(self.get_object())).data)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def errors(self, request: Request, pk: str) -> HttpResponseBase:
        """Download the rejected rows with their reasons as CSV."""
        source = self.get_object()
        return csv_response(rejected_rows(source), name=f"rejected-{source.pk}.csv")


@extend_schema_view(
    list=extend_schema(
        parameters=[OpenApiParameter("email", str), OpenApiParameter("reason", str, enum=list(filters.REASONS))]
    )
)
class SuppressionViewSet(ReadMixin, CreateMixin, DeleteMixin, WorkspaceViewSet[Suppression]):
    """Addresses that get no mail from the workspace; deleting one lets the address get mail again."""

    scope = "contacts"
    capabilities: ClassVar[dict[str, Capability]] = {"destroy": Capability.MANAGE}
    serializer_class = serializers.SuppressionSerializer

    def get_queryset(self) -> QuerySet[Suppression]:
        suppressions = selectors.suppressions_in(self.workspace)
        if email := self.request.query_params.get("email"):
            suppressions = suppressions.filter(email_key=email_key(email.strip()))
        if reason := filters.one_of(self.request, "reason", filters.REASONS):
            suppressions = suppressions.filter(reason=reason)
        return suppressions

    def create_object(self, data: dict[str, Any]) -> Suppression:
        email = data.pop("email_key")
        services.suppress(workspace_id=self.workspace.pk, email=email, **data)
        found = selectors.suppressions_in(self.workspace).filter(email_key=email_key(email.strip())).first()
        if found is None:
            raise NotFound("The suppression was lifted at the same moment.")
        return found

    def delete_object(self, instance: Suppression) -> None:
        services.lift_suppression(workspace_id=self.workspace.pk, email=instance.email_key)
