import json
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from team import services, trail
from team.models import ApiToken, AuditEntry, Invitation, Membership, User, Workspace

# Roles are per workspace; Django's groups would be a second, unscoped way to the same rights.
admin.site.unregister(Group)
admin.site.site_header = "Drumbeat administration"
admin.site.site_title = "Drumbeat"
admin.site.index_title = "Installation"


class MembershipFormSet(BaseInlineFormSet):
    """Ends what is shared with whoever is taken out, as the service does."""

    def delete_existing(self, obj: Membership, commit: bool = True) -> None:
        if commit:
            services.drop_grants(obj)
        super().delete_existing(obj, commit)


class MembershipInline(admin.TabularInline):
    model = Membership
    formset = MembershipFormSet
    extra = 0
    autocomplete_fields = ["user", "workspace"]
    readonly_fields = ["joined_at"]


class NewUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ["email", "first_name", "last_name"]
        field_classes: dict[str, Any] = {}


class UserForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"
        field_classes: dict[str, Any] = {}


@admin.register(User)
class UserAdmin(StockUserAdmin):
    form = UserForm
    add_form = NewUserForm
    list_display = ["email", "first_name", "last_name", "is_staff", "is_active", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "memberships__workspace"]
    search_fields = ["email", "first_name", "last_name"]
    ordering = ["email"]
    filter_horizontal = ()
    readonly_fields = ["last_login", "date_joined"]
    inlines = [MembershipInline]
    fieldsets = [
        (None, {"fields": ["email", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "time_zone"]}),
        ("Installation", {"fields": ["is_active", "is_staff", "is_superuser"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["email", "first_name", "last_name", "usable_password", "password1", "password2"]})
    ]


@admin.register(Workspace)
class WorkspaceAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "company", "time_zone", "members_count", "created_at"]
    list_filter = ["time_zone"]
    search_fields = ["name", "slug", "company"]
    prepopulated_fields = {"slug": ["name"]}
    readonly_fields = ["created_at"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workspace]:
        workspaces: QuerySet[Workspace] = super().get_queryset(request)
        return workspaces.annotate(members_count=Count("memberships"))

    @admin.display(description="members", ordering="members_count")
    def members_count(self, workspace: Workspace) -> int:
        return int(workspace.members_count)  # type: ignore[attr-defined]  # annotated above


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin):
    list_display = ["email", "workspace", "role", "invited_by", "created_at", "expires_at", "accepted_at"]
    list_filter = ["workspace", "role", ("accepted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace", "invited_by"]
    search_fields = ["email", "workspace__name"]
    readonly_fields = ["workspace", "email", "role", "invited_by", "created_at", "expires_at", "accepted_at"]
    fields = (*readonly_fields,)
    actions = ["send_again", "withdraw"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description="Send the selected invitations again", permissions=["change"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        invitations = queryset.filter(accepted_at=None)
        for invitation in invitations:
            services.resend_invitation(invitation, by=_as_owner(invitation))
        self.message_user(request, f"{len(invitations)} sent again.")

    @admin.action(description="Withdraw the selected invitations", permissions=["delete"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        invitations = list(queryset.filter(accepted_at=None))
        for invitation in invitations:
            services.withdraw_invitation(invitation)
        self.message_user(request, f"{len(invitations)} withdrawn.")


def _as_owner(invitation: Invitation) -> Membership | None:
    """An administrator of the installation acts with an owner's rights."""
    return Membership.objects.filter(workspace=invitation.workspace, role="owner").first()


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Tokens can be watched and revoked here; they are made where their secret is shown, once."""

    list_display = ["name", "shown_prefix", "workspace", "created_by", "created_at", "last_used_at", "revoked_at"]
    list_filter = ["workspace", ("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace", "created_by"]
    search_fields = ["name", "prefix", "workspace__name"]
    readonly_fields = [
        "workspace",
        "name",
        "shown_prefix",
        "scopes",
        "created_by",
        "created_at",
        "last_used_at",
        "revoked_at",
    ]
    fields = (*readonly_fields,)
    actions = ["revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description="token")
    def shown_prefix(self, token: ApiToken) -> str:
        return f"{token.prefix}…"

    @admin.action(description="Revoke the selected tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset:
            services.revoke_token(token)
        self.message_user(request, f"{len(queryset)} revoked.", messages.SUCCESS)


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):
    list_display = ["at", "actor_name", "kind", "row_id", "action", "workspace_id"]
    list_filter = ["action", "table", "at"]
    search_fields = ["=row_id", "=actor", "=table"]
    search_help_text = "A row's number, an actor (user:1) or a table."
    fields = ["at", "actor_name", "workspace_id", "table", "row_id", "action", "shown_before", "shown_after"]
    ordering = ["-id"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        return False

    @admin.display(description="who", ordering="actor")
    def actor_name(self, entry: AuditEntry) -> str:
        return entry.actor

    @admin.display(description="what", ordering="table")
    def kind(self, entry: AuditEntry) -> str:
        return trail.kind_of(entry.table)

    @admin.display(description="before")
    def shown_before(self, entry: AuditEntry) -> SafeString:
        return _as_json(entry.before)

    @admin.display(description="after")
    def shown_after(self, entry: AuditEntry) -> SafeString:
        return _as_json(entry.after)


def _as_json(value: object) -> SafeString:
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True))
