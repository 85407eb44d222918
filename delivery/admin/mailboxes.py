"""Mailboxes, and the accounts and logins that they send through."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from core.admin import RefusableAdmin
from core.exceptions import DomainError
from delivery import services
from delivery.esp import PROVIDERS
from delivery.models import ApiAccount, Mailbox, OAuthLogin


class MailboxForm(forms.ModelForm):
    """A mailbox with a password that can be set and not read."""

    smtp_password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave empty to keep the stored one.",
    )

    class Meta:
        model = Mailbox
        fields = [
            "workspace",
            "from_name",
            "from_email",
            "reply_to",
            "smtp_host",
            "smtp_port",
            "smtp_security",
            "smtp_username",
            "smtp_password",
            "smtp_verify",
            "max_connections",
            "on_unknown",
            "per_second",
            "per_minute",
            "per_day",
            "time_zone",
            "ramp_start",
            "ramp_growth",
            "ramp_unit",
            "ramp_target",
        ]


@admin.register(Mailbox)
class MailboxAdmin(RefusableAdmin):
    form = MailboxForm
    list_display = [
        "from_email",
        "from_name",
        "workspace",
        "smtp_host",
        "status",
        "paused_reason",
        "last_error",
        "archived_at",
    ]
    list_filter = ["status", "smtp_security", "workspace"]
    search_fields = ["from_email", "from_name", "smtp_host"]
    list_select_related = ["workspace"]
    readonly_fields = ["status", "paused_reason", "retry_at", "failing_since", "failures", "last_error", "archived_at"]
    actions = ["test_connection", "pause", "resume"]

    def get_readonly_fields(self, request: HttpRequest, obj: Mailbox | None = None) -> list[str]:
        return [*self.readonly_fields, "workspace"] if obj else list(self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Mailbox, form: Any, change: bool) -> None:
        values = dict(form.cleaned_data)
        values.pop("workspace", None)
        password = values.pop("smtp_password", "")
        if change:
            stored = Mailbox.objects.get(pk=obj.pk)
            services.update_mailbox(stored, smtp_password=password or None, **values)
        else:
            made = services.create_mailbox(workspace=obj.workspace, smtp_password=password, **values)
            obj.pk = made.pk
            obj.refresh_from_db()

    def has_delete_permission(self, request: HttpRequest, obj: Mailbox | None = None) -> bool:
        return obj is not None and super().has_delete_permission(request, obj)

    def remove(self, obj: Mailbox) -> None:
        services.delete_mailbox(obj)

    @admin.action(description="Test the connection", permissions=["change"])
    def test_connection(self, request: HttpRequest, queryset: QuerySet[Mailbox]) -> None:
        for mailbox in queryset:
            try:
                messages.success(request, f"{mailbox.from_email}: {services.test_connection(mailbox)}")
            except DomainError as error:
                messages.error(request, f"{mailbox.from_email}: {error.message}")

    @admin.action(description="Pause", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Mailbox]) -> None:
        for mailbox in queryset:
            services.pause_mailbox(mailbox.pk, reason=f"Paused by {request.user}.")

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Mailbox]) -> None:
        for mailbox in queryset:
            try:
                services.resume_mailbox(mailbox.pk)
            except DomainError as error:
                messages.error(request, f"{mailbox.from_email}: {error.message}")


class ApiAccountForm(forms.ModelForm):
    """An account whose key can be set and not read."""

    provider = forms.ChoiceField(choices=[(provider.key, provider.label) for provider in PROVIDERS])
    api_key = forms.CharField(
        label="API key",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave empty to keep the stored one.",
    )

    class Meta:
        model = ApiAccount
        fields = ["mailbox", "provider", "api_key", "domain", "region"]

    def save_by_service(self, mailbox: Mailbox) -> ApiAccount:
        """Write what was entered."""
        values = {name: value for name, value in self.cleaned_data.items() if name != "mailbox"}
        return services.set_api_account(mailbox, **{**values, "api_key": values["api_key"] or None})


class OAuthLoginForm(forms.ModelForm):
    """A login whose secrets can be set and not read."""

    client_secret = forms.CharField(required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"}))
    refresh_token = forms.CharField(required=False, widget=forms.PasswordInput(attrs={"autocomplete": "off"}))
    access_token = forms.CharField(
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Only without a refresh token. Secrets that are left empty stay as they are stored.",
    )

    class Meta:
        model = OAuthLogin
        fields = ["mailbox", "token_url", "client_id", "scope", "client_secret", "refresh_token", "access_token"]

    def save_by_service(self, mailbox: Mailbox) -> OAuthLogin:
        """Write what was entered."""
        values = {name: value for name, value in self.cleaned_data.items() if name != "mailbox"}
        secrets = {name: values[name] or None for name in ("client_secret", "refresh_token", "access_token")}
        return services.set_oauth_login(mailbox, **{**values, **secrets})


class MailboxPartAdmin(RefusableAdmin):
    """What belongs to one mailbox and is written by its service; a refusal is shown on the form."""

    list_filter = ["workspace"]
    search_fields = ["mailbox__from_email"]
    list_select_related = ["mailbox"]
    autocomplete_fields = ["mailbox"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["mailbox", "workspace"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        given = list(self.form.base_fields)
        return ["workspace", *given] if obj else given

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        made = form.save_by_service(obj.mailbox)
        obj.pk = made.pk
        obj.refresh_from_db()


@admin.register(ApiAccount)
class ApiAccountAdmin(MailboxPartAdmin):
    """Which mailboxes send by a provider's API."""

    form = ApiAccountForm
    list_display = ["mailbox", "provider", "domain", "region", "created_at"]
    list_filter = ["provider", "workspace"]

    def remove(self, obj: ApiAccount) -> None:
        services.remove_api_account(obj.mailbox)


@admin.register(OAuthLogin)
class OAuthLoginAdmin(MailboxPartAdmin):
    """Which mailboxes log in by access token."""

    form = OAuthLoginForm
    list_display = ["mailbox", "token_url", "client_id", "expires", "created_at"]
    list_select_related = ["mailbox", "token"]

    @admin.display(description="access token expires")
    def expires(self, login: OAuthLogin) -> Any:
        return login.expires_at

    def remove(self, obj: OAuthLogin) -> None:
        services.remove_oauth_login(obj.mailbox)
