"""What was counted."""

from django.contrib import admin

from core.admin import ReadOnlyAdmin
from delivery import selectors
from delivery.models import Counter, LinkCounter, MailboxCounter, MailboxDay


@admin.register(LinkCounter)
class LinkCounterAdmin(ReadOnlyAdmin):
    list_display = ["link", "clicks_human", "clicks_all", "clicked_human", "clicked_any"]
    list_select_related = ["link"]
    ordering = ["-clicks_human"]


@admin.register(Counter)
class CounterAdmin(ReadOnlyAdmin):
    list_display = ["mailing", "hour", *selectors.COUNTED]
    list_filter = ["mailing__workspace"]
    list_select_related = ["mailing"]
    date_hierarchy = "hour"
    ordering = ["-hour"]


@admin.register(MailboxCounter)
class MailboxCounterAdmin(ReadOnlyAdmin):
    list_display = ["mailbox", "hour", "accepted", "deferred", "failed", "bounced", "unknown"]
    list_filter = ["mailbox"]
    list_select_related = ["mailbox"]
    date_hierarchy = "hour"
    ordering = ["-hour"]


@admin.register(MailboxDay)
class MailboxDayAdmin(ReadOnlyAdmin):
    list_display = ["mailbox", "day", "cap", "step", "sent", "accepted", "bounced", "complained"]
    list_filter = ["mailbox"]
    list_select_related = ["mailbox"]
    date_hierarchy = "day"
    ordering = ["-day", "mailbox"]
