from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.admin import ReadOnlyAdmin, RefusableAdmin, name_fields
from core.exceptions import DomainError
from delivery import selectors, services
from delivery.esp import PROVIDERS
from delivery.models import (
    ApiAccount,
    Attempt,
    Batch,
    Counter,
    DkimKey,
    DomainPace,
    Link,
    LinkCounter,
    Mailbox,
    MailboxCounter,
    MailboxDay,
    Mailing,
    Message,
    OAuthLogin,
    SendingDomain,
    SendingRules,
)

# The names of columns and inputs, in the words of the pages.
name_fields(
    Mailbox,
    from_email="from address",
    smtp_host="SMTP server",
    smtp_port="SMTP port",
    smtp_security="encryption",
    smtp_username="user name",
    max_connections="connections at a time",
)
name_fields(Mailing, is_test="test", track_opens="opens are tracked", track_clicks="clicks are tracked")
name_fields(
    Message,
    is_test="test",
    to_email="test recipient",
    opened_at="opened by a person at",
    opened_any_at="opened by anything at",
    clicked_at="clicked by a person at",
    clicked_any_at="clicked by anything at",
)
name_fields(Batch, message_ids="message IDs")
name_fields(Attempt, at="when")
name_fields(Link, id="ID", mailing_id="mailing ID", url="URL")
for counted in (Counter, LinkCounter):
    name_fields(
        counted,
        clicks_human="clicks by people",
        clicks_all="all clicks",
        clicked_human="clicked by people",
        clicked_any="clicked by anything",
    )
name_fields(
    Counter,
    opens_human="opens by people",
    opens_all="all opens",
    opened_human="opened by people",
    opened_any="opened by anything",
)


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


@admin.register(MailboxDay)
class MailboxDayAdmin(ReadOnlyAdmin):
    list_display = ["mailbox", "day", "cap", "step", "sent", "accepted", "bounced", "complained"]
    list_filter = ["mailbox"]
    list_select_related = ["mailbox"]
    date_hierarchy = "day"
    ordering = ["-day", "mailbox"]


@admin.register(DomainPace)
class DomainPaceAdmin(ReadOnlyAdmin):
    list_display = ["mailbox", "domain", "per_minute", "changed_at", "last_reply"]
    list_filter = ["mailbox"]
    list_select_related = ["mailbox"]
    search_fields = ["domain"]


@admin.register(SendingRules)
class SendingRulesAdmin(admin.ModelAdmin):
    list_display = ["workspace", "quiet_from", "quiet_until", "most_messages", "most_days"]
    list_select_related = ["workspace"]

    def get_readonly_fields(self, request: HttpRequest, obj: SendingRules | None = None) -> list[str]:
        return ["workspace"] if obj else []

    def save_model(self, request: HttpRequest, obj: SendingRules, form: Any, change: bool) -> None:
        values = {name: value for name, value in form.cleaned_data.items() if name != "workspace"}
        services.set_sending_rules(workspace=obj.workspace, **values)


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
