from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from core.admin import ReadOnlyAdmin
from core.exceptions import DomainError
from integrations import services
from integrations.models import EventSource, IdempotencyKey, WebhookDelivery, WebhookEndpoint


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(admin.ModelAdmin):
    """Keys and what became of them; the answers themselves are not shown."""

    list_display = ["key", "workspace", "status", "created_at"]
    list_filter = ["workspace", "status"]
    search_fields = ["key"]
    fields = ["workspace", "key", "status", "content_type", "created_at"]
    date_hierarchy = "created_at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: IdempotencyKey | None = None) -> bool:
        return False


@admin.register(EventSource)
class EventSourceAdmin(ReadOnlyAdmin):
    """Sources of incoming webhooks; their secrets are not shown, and made on the page of the workspace."""

    list_display = ["name", "workspace", "is_active", "received_at", "problem"]
    list_filter = ["workspace", "is_active"]
    list_select_related = ["workspace"]
    search_fields = ["name"]
    exclude = ["secret_encrypted", "token"]


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    """Programs that are told by webhooks; their secrets are not shown, and they are kept on the page of the workspace."""

    list_display = ["url", "workspace", "is_active", "failing_since", "problem"]
    list_filter = ["workspace", "is_active"]
    list_select_related = ["workspace"]
    search_fields = ["url"]
    exclude = ["secret_encrypted", "old_secret_encrypted"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """What programs were told and what came of it; what is over can be sent again."""

    list_display = ["id", "endpoint", "event", "state", "attempts", "status", "error", "due_at", "finished_at"]
    list_filter = ["state", "event", "endpoint__workspace"]
    list_select_related = ["endpoint"]
    search_fields = ["endpoint__url"]
    actions = ["resend"]

    @admin.action(description="Send again", permissions=["view"])
    def resend(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        """Tell the selected ones again; what waits anyway, or is for one that is off, is passed over with its reason."""
        sent = 0
        for delivery in queryset.select_related("endpoint"):
            try:
                services.resend(delivery)
            except DomainError as error:
                self.message_user(request, f"{delivery.pk}: {error.message}", messages.WARNING)
            else:
                sent += 1
        self.message_user(request, f"{sent} will be sent again within a few seconds.")
