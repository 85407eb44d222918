"""Mailings, their messages, and how those were tried."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from core.admin import ReadOnlyAdmin
from delivery import selectors
from delivery.models import Attempt, Batch, Link, Mailing, Message


@admin.register(Mailing)
class MailingAdmin(ReadOnlyAdmin):
    list_display = ["name", "workspace", "format", "state", "is_test", "numbers", "created_at"]
    list_filter = ["state", "is_test", "format", "workspace"]
    search_fields = ["name", "subject"]
    list_select_related = ["workspace"]
    date_hierarchy = "created_at"

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the numbers of all mailings of the page at once."""
        page = super().get_changelist_instance(request)
        page.result_list = list(page.result_list)
        known = selectors.totals_by_mailing([mailing.pk for mailing in page.result_list])
        for mailing in page.result_list:
            mailing.known_totals = known.get(mailing.pk, selectors.Totals())
        return page

    @admin.display(description="accepted of queued")
    def numbers(self, mailing: Mailing) -> str:
        totals = getattr(mailing, "known_totals", None) or selectors.totals([mailing.pk])
        return f"{totals.accepted:,} of {totals.queued:,}"


class AttemptInline(admin.TabularInline):
    model = Attempt
    extra = 0
    can_delete = False
    fields = ["at", "outcome", "reason", "reply_code", "reply_text"]
    readonly_fields = ["at", "outcome", "reason", "reply_code", "reply_text"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ["id", "recipient", "mailing", "mailbox", "state", "reason", "attempts", "due_at", "accepted_at"]
    list_filter = ["state", "is_test", "reason", "workspace", "mailbox"]
    search_fields = ["=id", "=key", "=contact__email_key", "=to_email"]
    list_select_related = ["contact", "mailing", "mailbox"]
    ordering = ["-id"]
    inlines = [AttemptInline]
    readonly_fields = ["why"]

    @admin.display(description="recipient")
    def recipient(self, message: Message) -> str:
        return message.to_email or (message.contact.email if message.contact else "(deleted)")

    @admin.display(description="why")
    def why(self, message: Message) -> str:
        return selectors.why(message).sentence


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "mailing",
        "mailbox",
        "state",
        "size",
        "due_at",
        "lease_owner",
        "lease_expires_at",
        "finished_at",
    ]
    list_filter = ["state", "postponed", "mailbox"]
    list_select_related = ["mailing", "mailbox"]
    search_fields = ["=id", "lease_owner"]
    ordering = ["-id"]

    @admin.display(description="messages")
    def size(self, batch: Batch) -> int:
        return len(batch.message_ids)


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ["at", "message", "outcome", "reason", "reply_code", "reply_text"]
    list_filter = ["outcome", "reason", "reply_code"]
    search_fields = ["=message__id", "reply_text"]
    list_select_related = ["message"]
    ordering = ["-id"]


@admin.register(Link)
class LinkAdmin(ReadOnlyAdmin):
    list_display = ["url", "label", "mailing_id"]
    search_fields = ["=mailing_id", "url"]
