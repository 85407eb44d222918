"""Sending domains and the keys that sign for them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.admin import ReadOnlyAdmin
from core.exceptions import DomainError
from delivery import selectors, services
from delivery.models import DkimKey, SendingDomain


class SendingDomainForm(forms.ModelForm):
    """A domain that is added by hand."""

    class Meta:
        model = SendingDomain
        fields = ["workspace", "name"]


class DkimKeyInline(admin.TabularInline):
    model = DkimKey
    extra = 0
    can_delete = False
    show_change_link = True
    fields = ("selector", "algorithm", "status", "seen_at", "activated_at", "retired_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SendingDomain)
class SendingDomainAdmin(admin.ModelAdmin):
    form = SendingDomainForm
    list_display = ["name", "workspace", "standing", "checked_at"]
    list_filter = ["workspace"]
    search_fields = ["name"]
    list_select_related = ["workspace"]
    inlines = [DkimKeyInline]
    actions = ["check_dns", "create_keys"]

    def get_fields(self, request: HttpRequest, obj: SendingDomain | None = None) -> Any:
        return ["workspace", "name", *(["standing", "checklist", "checked_at", "created_at"] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: SendingDomain | None = None) -> Any:
        return self.get_fields(request, obj) if obj else []

    def get_inlines(self, request: HttpRequest, obj: SendingDomain | None) -> list[Any]:
        return self.inlines if obj else []

    def save_model(self, request: HttpRequest, obj: SendingDomain, form: Any, change: bool) -> None:
        if change:
            return  # there is nothing to change
        try:
            made = services.add_domain(workspace=obj.workspace, name=obj.name)
        except DomainError as error:
            messages.error(request, error.message)
            return
        obj.pk = made.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: SendingDomain) -> None:
        try:
            services.delete_domain(obj)
        except DomainError as error:
            messages.error(request, error.message)

    def has_delete_permission(self, request: HttpRequest, obj: SendingDomain | None = None) -> bool:
        return obj is not None and super().has_delete_permission(request, obj)

    @admin.display(description="in the DNS")
    def standing(self, domain: SendingDomain) -> str:
        return selectors.standing(domain) or "not checked"

    @admin.display(description="what the DNS says")
    def checklist(self, domain: SendingDomain) -> SafeString:
        rows = [(item.title, item.level, item.found, item.todo) for item in selectors.checks_of(domain)]
        return format_html("<ul>{}</ul>", format_html_join("", "<li><b>{}</b> ({}): {} {}</li>", rows))

    @admin.action(description="Check the DNS now", permissions=["change"])
    def check_dns(self, request: HttpRequest, queryset: QuerySet[SendingDomain]) -> None:
        for domain in queryset:
            services.check_domain(domain)
            level = selectors.standing(domain)
            report = messages.success if level == selectors.Level.OK else messages.warning
            faults = [item.found for item in selectors.checks_of(domain) if item.level != selectors.Level.OK]
            report(request, f"{domain.name}: {' '.join(faults) or 'all is in order.'}")

    @admin.action(description="Make DKIM keys", permissions=["change"])
    def create_keys(self, request: HttpRequest, queryset: QuerySet[SendingDomain]) -> None:
        for domain in queryset:
            try:
                keys = services.create_dkim_keys(domain)
            except DomainError as error:
                messages.error(request, f"{domain.name}: {error.message}")
            else:
                made = " and ".join(str(key) for key in keys)
                messages.success(request, f"{domain.name}: publish {made}; each key's page shows its record.")


@admin.register(DkimKey)
class DkimKeyAdmin(ReadOnlyAdmin):
    list_display = ["selector", "domain", "algorithm", "status", "seen_at", "activated_at", "retired_at"]
    list_filter = ["status", "algorithm", "workspace"]
    search_fields = ["selector", "domain__name"]
    list_select_related = ["domain"]
    fields = (
        *("workspace", "domain", "selector", "algorithm", "status", "record_name", "record_text"),
        *("seen_at", "activated_at", "retired_at", "created_at"),
    )
    readonly_fields = fields
    actions = ["activate"]

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return obj is not None and request.user.has_perm("delivery.delete_dkimkey")

    def has_sign_permission(self, request: HttpRequest) -> bool:
        """Whether this user may let keys sign (Django asks by this name for the action below)."""
        return request.user.has_perm("delivery.change_dkimkey")

    def delete_model(self, request: HttpRequest, obj: DkimKey) -> None:
        services.delete_dkim_key(obj)

    @admin.display(description="name of the TXT record")
    def record_name(self, key: DkimKey) -> str:
        return selectors.record_of(key).name

    @admin.display(description="its text")
    def record_text(self, key: DkimKey) -> str:
        return selectors.record_of(key).text

    @admin.action(description="Sign without waiting for the record", permissions=["sign"])
    def activate(self, request: HttpRequest, queryset: QuerySet[DkimKey]) -> None:
        for key in queryset:
            try:
                services.activate_dkim_key(key)
            except DomainError as error:
                messages.error(request, f"{key}: {error.message}")
            else:
                messages.success(request, f"{key} signs from now on.")
