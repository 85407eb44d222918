from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from delivery import selectors, services
from delivery.api.pace import MailboxDaySerializer, PaceSerializer, SendingRulesSerializer
from delivery.api.serializers import (
    STATES,
    ApiAccountSerializer,
    ConnectionSerializer,
    MailboxSerializer,
    MessageDetailSerializer,
    MessageSerializer,
    OAuthLoginSerializer,
    PauseSerializer,
)
from delivery.models import Mailbox, Message, MessageState
from team.access import Capability
from team.api.base import CreateMixin, DeleteMixin, ReadMixin, UpdateMixin, WorkspaceViewSet


class MailboxViewSet(ReadMixin, CreateMixin, UpdateMixin, DeleteMixin, WorkspaceViewSet[Mailbox]):
    """The addresses that mail is sent from."""

    scope = "mailboxes"
    write_capability = Capability.MANAGE
    serializer_class = MailboxSerializer

    def get_queryset(self) -> QuerySet[Mailbox]:
        return selectors.mailboxes_in(self.workspace).select_related("api_account", "oauth_login__token")

    def create_object(self, data: dict[str, Any]) -> Mailbox:
        return services.create_mailbox(workspace=self.workspace, **data)

    def update_object(self, instance: Mailbox, data: dict[str, Any]) -> Mailbox:
        return services.update_mailbox(instance, **data)

    def delete_object(self, instance: Mailbox) -> None:
        services.delete_mailbox(instance)

    @extend_schema(request=None, responses=ConnectionSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str | None = None) -> Response:
        """Connect, secure and log in as for sending, but send nothing; 422 with a diagnosis when that fails."""
        return Response({"detail": services.test_connection(self.get_object())})

    @extend_schema(request=PauseSerializer, responses=MailboxSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str | None = None) -> Response:
        """Let the mailbox send nothing until it is resumed."""
        given = PauseSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        mailbox = self.get_object()
        services.pause_mailbox(mailbox.pk, reason=given.validated_data.get("reason") or "Paused by the API.")
        return self._now(mailbox)

    @extend_schema(request=None, responses=MailboxSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str | None = None) -> Response:
        """Let the paused mailbox send again."""
        mailbox = self.get_object()
        services.resume_mailbox(mailbox.pk)
        return self._now(mailbox)

    @extend_schema(responses=PaceSerializer)
    @action(detail=True)
    def pace(self, request: Request, pk: str | None = None) -> Response:
        """How fast the mailbox sends now, what holds it, and when the next message may leave."""
        return Response(PaceSerializer(selectors.pace_of(self.get_object())).data)

    @extend_schema(responses=MailboxDaySerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def days(self, request: Request, pk: str | None = None) -> Response:
        """The mailbox's last six weeks, oldest first: its limit, its warm-up and what came of it."""
        return Response(MailboxDaySerializer(selectors.mailbox_days(self.get_object()), many=True).data)

    @extend_schema(methods=["GET"], responses=SendingRulesSerializer)
    @extend_schema(methods=["PUT"], request=SendingRulesSerializer, responses=SendingRulesSerializer)
    @action(detail=False, methods=["get", "put"], pagination_class=None)
    def rules(self, request: Request) -> Response:
        """Quiet hours and the frequency cap of the workspace; PUT replaces them."""
        rules = selectors.sending_rules_of(self.workspace)
        if request.method == "PUT":
            given = SendingRulesSerializer(data=request.data)
            given.is_valid(raise_exception=True)
            rules = services.set_sending_rules(workspace=self.workspace, **given.validated_data)
        return Response(SendingRulesSerializer(rules).data)

    @extend_schema(request=ApiAccountSerializer, responses=MailboxSerializer)
    @action(detail=True, methods=["post"])
    def account(self, request: Request, pk: str | None = None) -> Response:
        """Send by a provider's API from the next batch on."""
        mailbox = self.get_object()
        given = ApiAccountSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        services.set_api_account(mailbox, **given.validated_data)
        return self._now(mailbox)

    @extend_schema(request=None, responses=MailboxSerializer)
    @account.mapping.delete
    def remove_account(self, request: Request, pk: str | None = None) -> Response:
        """Send by the SMTP server again; the API key is destroyed."""
        mailbox = self.get_object()
        services.remove_api_account(mailbox)
        return self._now(mailbox)

    @extend_schema(request=OAuthLoginSerializer, responses=MailboxSerializer)
    @action(detail=True, methods=["post"])
    def oauth(self, request: Request, pk: str | None = None) -> Response:
        """Log in to the SMTP server by access token from the next batch on."""
        mailbox = self.get_object()
        given = OAuthLoginSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        services.set_oauth_login(mailbox, **given.validated_data)
        return self._now(mailbox)

    @extend_schema(request=None, responses=MailboxSerializer)
    @oauth.mapping.delete
    def remove_oauth(self, request: Request, pk: str | None = None) -> Response:
        """Log in by password again; the tokens are destroyed."""
        mailbox = self.get_object()
        services.remove_oauth_login(mailbox)
        return self._now(mailbox)

    def _now(self, mailbox: Mailbox) -> Response:
        mailbox = self.get_queryset().get(pk=mailbox.pk)
        return Response(self.get_serializer(mailbox).data)


_FILTERS: dict[str, str] = {"mailing": "mailing_id", "contact": "contact_id", "mailbox": "mailbox_id"}


@extend_schema_view(
    list=extend_schema(
        parameters=[
            OpenApiParameter("mailing", int, description="Messages of this mailing."),
            OpenApiParameter("contact", int, description="Messages to this contact."),
            OpenApiParameter("mailbox", int, description="Messages from this mailbox."),
            OpenApiParameter("state", str, enum=list(STATES), description="Messages in this state."),
        ]
    )
)
class MessageViewSet(ReadMixin, WorkspaceViewSet[Message]):
    """The ledger: one row a recipient and email, from before it is sent."""

    scope = "messages"
    capabilities: ClassVar[dict[str, Capability]] = {}

    def get_serializer_class(self) -> type[BaseSerializer[Message]]:
        return MessageDetailSerializer if self.action == "retrieve" else MessageSerializer

    def get_queryset(self) -> QuerySet[Message]:
        messages = selectors.messages_in(self.workspace)
        if self.action != "list":
            return messages
        parameters = self.request.query_params
        for name, column in _FILTERS.items():
            if text := parameters.get(name, ""):
                if not text.isascii() or not text.isdigit() or len(text) > 18:
                    raise ValidationError({name: ["This must be the id of one."]})
                messages = messages.filter(**{column: int(text)})
        if state := parameters.get("state", ""):
            if state not in STATES:
                raise ValidationError({"state": [f"This must be one of {', '.join(STATES)}."]})
            messages = messages.filter(state=MessageState[state.upper()])
        return messages
