from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.problems import problem
from core.exceptions import NotFound
from team.api.base import CreateMixin, DeleteMixin, ReadMixin, UpdateMixin, WorkspaceViewSet
from team.api.shares import ShareViewSet
from templates_lib import people, previews, samples, selectors, services
from templates_lib.api import serializers
from templates_lib.content import Content
from templates_lib.exceptions import StaleVersionError
from templates_lib.models import Asset, Category, Template, TemplateVersion
from templates_lib.rendering import Problem, RenderError, TemplateError


class _ProblemsMixin:
    """Answers faults in a template with every problem's part, line and column beside the usual field errors."""

    def handle_exception(self, error: Exception) -> Response:
        match error:
            case TemplateError():
                problems = error.problems
            case RenderError():
                problems = [error.problem]
            case StaleVersionError():
                response = _refusal(error)
                response.data["current_version"] = error.current_number
                return self._finish(response)
            case _:
                return super().handle_exception(error)  # type: ignore[misc, no-any-return]  # APIView's
        response = _refusal(error)
        response.data["problems"] = [_as_json(found) for found in problems]
        return self._finish(response)

    def _finish(self, response: Response) -> Response:
        response.exception = True
        return response


class TemplateViewSet(_ProblemsMixin, ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[Template]):
    """Templates with their versions.  DELETE archives: what was sent with a template stays as it is."""

    scope = "templates"
    shared = Template
    role_actions = WorkspaceViewSet.role_actions | {"unarchive"}
    read_actions = frozenset({"render"})
    serializer_class = serializers.TemplateSerializer

    def get_queryset(self) -> QuerySet[Template]:
        if self.action != "list":
            return selectors.all_templates_in(self.workspace)
        query = self.request.query_params
        templates = selectors.templates_in(self.workspace, archived=query.get("archived") == "true")
        if (category := query.get("category", "")).isdecimal():
            templates = templates.filter(category_id=int(category))
        return selectors.search_templates(templates, query.get("q", ""))

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "workspace": self.workspace}

    @extend_schema(
        parameters=[
            OpenApiParameter("q", str, description="Words in the name, description or subject."),
            OpenApiParameter("category", int, description="A category's id."),
            OpenApiParameter("archived", bool, description="Archived ones instead."),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    def create_object(self, data: dict[str, Any]) -> Template:
        content = data.pop("current_version", {})
        content.pop("number", None)
        return services.create_template(workspace=self.workspace, user=self.actor_user, **data, **content)

    def update_object(self, instance: Template, data: dict[str, Any]) -> Template:
        content = data.pop("current_version", {})
        base_number = content.pop("number", None)
        note = data.pop("note", "")
        if content:
            current = selectors.current_version(instance)
            whole = {name: content.get(name, getattr(current, name)) for name in serializers.CONTENT}
            number = current.number if base_number is None else base_number
            services.save_version(instance, base_number=number, note=note, user=self.actor_user, **whole)
        if data:
            services.update_template(instance, **data)
        return selectors.template_in(self.workspace, instance.pk)

    def delete_object(self, instance: Template) -> None:
        services.archive_template(instance)

    @extend_schema(responses=serializers.VersionSerializer(many=True))
    @action(detail=True, methods=["get"])
    def versions(self, request: Request, pk: str) -> Response:
        """The template's versions, the newest first."""
        versions: QuerySet[TemplateVersion] = selectors.versions_of(self.get_object())
        page: Any = self.paginate_queryset(versions)  # type: ignore[arg-type]  # another model than the viewset's
        return self.get_paginated_response(serializers.VersionSerializer(page, many=True).data)

    @extend_schema(request=serializers.RestoreSerializer, responses=serializers.TemplateSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Make an earlier version's content current, as a new version."""
        wanted = serializers.RestoreSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        template = self.get_object()
        services.restore_version(template, number=wanted.validated_data["version"], user=self.actor_user)
        return self._answer(template.pk)

    @extend_schema(request=None, responses=serializers.TemplateSerializer)
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, pk: str) -> Response:
        """Copy the template."""
        copy = services.duplicate_template(self.get_object(), user=self.actor_user)
        return self._answer(copy.pk, status=201)

    @extend_schema(request=None, responses=serializers.TemplateSerializer)
    @action(detail=True, methods=["post"])
    def unarchive(self, request: Request, pk: str) -> Response:
        """Bring an archived template back."""
        template = self.get_object()
        services.unarchive_template(template)
        return self._answer(template.pk)

    @extend_schema(request=serializers.RenderSerializer, responses=serializers.RenderedSerializer)
    @action(detail=False, methods=["post"])
    def render(self, request: Request) -> Response:
        """Render a mail without saving anything."""
        wanted = serializers.RenderSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        data = wanted.validated_data
        content = Content(data["format"], data["subject"], data["source"], data["preheader"], data["text_source"])
        mail = previews.compiled(content)
        context = samples.preview_context(
            self.workspace,
            contact_id=self._contact(data.get("contact", "")),
            locale=data.get("locale", ""),
            extra=data.get("context"),
        )
        rendered = mail.render(context)
        warnings = previews.lint(content, self.workspace)
        body = {name: getattr(rendered, name) for name in ("subject", "preheader", "html", "text")}
        return Response({**body, "warnings": [_as_json(warning) for warning in warnings]})

    def _contact(self, contact: str) -> int | None:
        if not contact:
            return None
        if contact.isdecimal():
            number = int(contact)
            if number >= 2**63:
                raise NotFound("There is no such contact.")
            return number
        return people.registered().id_of(self.workspace, contact)

    def _answer(self, template_id: int, *, status: int = 200) -> Response:
        template = selectors.template_in(self.workspace, template_id)
        return Response(self.get_serializer(template).data, status=status)


class TemplateShareViewSet(ShareViewSet):
    """Who may edit one template, by role or by a share."""

    def shared_object(self, key: int) -> Template:
        return selectors.template_in(self.workspace, key)


class CategoryViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[Category]):
    """Categories of templates.  DELETE leaves their templates without one."""

    scope = "templates"
    serializer_class = serializers.CategorySerializer

    def get_queryset(self) -> QuerySet[Category]:
        return selectors.categories_in(self.workspace)

    def create_object(self, data: dict[str, Any]) -> Category:
        return services.create_category(workspace=self.workspace, **data)

    def update_object(self, instance: Category, data: dict[str, Any]) -> Category:
        return services.rename_category(instance, **data) if data else instance

    def delete_object(self, instance: Category) -> None:
        services.delete_category(instance)


class AssetViewSet(ReadMixin, CreateMixin, DeleteMixin, WorkspaceViewSet[Asset]):
    """Images for use in mail; POST takes a multipart form with `file`."""

    scope = "templates"
    serializer_class = serializers.AssetSerializer
    parser_classes = [MultiPartParser]

    def get_queryset(self) -> QuerySet[Asset]:
        return selectors.assets_in(self.workspace)

    def create_object(self, data: dict[str, Any]) -> Asset:
        return services.upload_asset(
            workspace=self.workspace, upload=data["file"], name=data.get("name", ""), user=self.actor_user
        )

    def delete_object(self, instance: Asset) -> None:
        services.delete_asset(instance)


def _refusal(error: TemplateError | RenderError | StaleVersionError) -> Response:
    return problem(status_code=error.status, detail=error.message, code=error.code, errors=error.fields)


def _as_json(found: Problem) -> dict[str, Any]:
    return {
        "code": found.code,
        "part": found.part,
        "line": found.line,
        "column": found.column,
        "message": found.message,
    }
