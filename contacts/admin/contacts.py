"""Contacts, and what stays of deleted ones."""

from collections import defaultdict
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from contacts import selectors, services
from contacts.admin.base import refuse
from contacts.exceptions import InvalidContact
from contacts.models import SEARCH_TEXT, Contact, DeletedContact, ListMember
from contacts.profile import COLUMNS
from core.admin import ReadOnlyAdmin
from team.models import Workspace


class ContactForm(forms.ModelForm):
    """A contact whose data is checked by the rules of the services."""

    attributes = forms.JSONField(required=False, help_text="Values of custom fields by their key.")

    class Meta:
        model = Contact
        fields = ["workspace", "email", *COLUMNS, "tags", "tracking", "attributes"]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        workspace = self.instance.workspace if self.instance.pk else data.get("workspace")
        if self.errors or workspace is None:
            return data
        given = {name: value for name, value in data.items() if name != "workspace"}
        given["attributes"] = given.get("attributes") or {}
        try:
            columns = services.check_columns(workspace.pk, given, known={})
        except InvalidContact as error:
            refuse(self, error)
            return data
        taken = Contact.objects.filter(workspace=workspace, email_key=columns["email_key"]).exclude(pk=self.instance.pk)
        if taken.exists():
            self.add_error("email", "Another contact has this address.")
        return data


class ListInline(admin.TabularInline):
    model = ListMember
    extra = 0
    autocomplete_fields = ["list"]
    readonly_fields = ["added_at"]


@admin.register(Contact)
class ContactAdmin(admin.ModelAdmin):
    form = ContactForm
    list_display = ["email", "full_name", "company", "workspace", "is_mailable", "last_opened_at", "created_at"]
    list_filter = ["workspace", "tracking", ("last_opened_at", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace"]
    search_fields = ["email"]
    search_help_text = "Words in address, names or company"
    show_full_result_count = False
    ordering = ["-id"]
    autocomplete_fields = ["workspace"]
    readonly_fields = ["last_sent_at", "last_opened_at", "last_clicked_at", "created_at", "updated_at"]
    inlines = [ListInline]
    actions = ["suppress", "unsubscribe"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        contacts: QuerySet[Contact] = super().get_queryset(request)
        return selectors.with_suppression(contacts)

    def get_readonly_fields(self, request: HttpRequest, obj: Contact | None = None) -> list[str]:
        return [*self.readonly_fields, *(["workspace"] if obj else [])]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Contact], search_term: str
    ) -> tuple[QuerySet[Contact], bool]:
        queryset = queryset.alias(search_text=SEARCH_TEXT)
        for word in search_term.replace("\x00", "").lower().split():
            queryset = queryset.filter(search_text__contains=word)
        return queryset, False

    @admin.display(boolean=True, description="gets mail")
    def is_mailable(self, contact: Contact) -> bool:
        return not getattr(contact, "suppressed_because", "")

    def save_model(self, request: HttpRequest, obj: Contact, form: Any, change: bool) -> None:
        data = {name: value for name, value in form.cleaned_data.items() if name != "workspace"}
        data["attributes"] = data.get("attributes") or {}
        if not change:
            obj.pk = services.create_contact(workspace=obj.workspace, **data).pk
            obj.refresh_from_db()
            return
        stored = Contact.objects.get(pk=obj.pk)
        gone = dict.fromkeys(stored.attributes.keys() - data["attributes"].keys())
        services.update_contact(stored, **{**data, "attributes": data["attributes"] | gone})

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Show the contacts alone: what goes with them is the services' business, and read-only tables have no veto."""
        contacts = list(objs)
        return [str(contact) for contact in contacts], {"contacts": len(contacts)}, set(), []

    def delete_model(self, request: HttpRequest, obj: Contact) -> None:
        services.delete_contacts(workspace=obj.workspace, contact_ids=[obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        found: dict[int, list[int]] = defaultdict(list)
        for workspace_id, contact_id in queryset.values_list("workspace_id", "pk"):
            found[workspace_id].append(contact_id)
        for workspace in Workspace.objects.filter(pk__in=found):
            services.delete_contacts(workspace=workspace, contact_ids=found[workspace.pk])

    @admin.action(description="Suppress the addresses", permissions=["change"])
    def suppress(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        count = sum(
            services.suppress(
                workspace_id=contact.workspace_id, email=contact.email, reason="manual", detail=f"By {request.user}"
            )
            for contact in queryset
        )
        self.message_user(request, f"{count:,} addresses get no more mail.")

    @admin.action(description="Record an unsubscribe", permissions=["change"])
    def unsubscribe(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        count = sum(
            services.unsubscribe_contact(
                workspace_id=contact.workspace_id, contact_id=contact.pk, detail=f"By {request.user}"
            )
            for contact in queryset
        )
        self.message_user(request, f"{count:,} contacts were unsubscribed.")


@admin.register(DeletedContact)
class DeletedContactAdmin(ReadOnlyAdmin):
    list_display = ["contact_id", "workspace", "successor_id", "unsubscribed_at", "deleted_at"]
    list_filter = ["workspace", ("unsubscribed_at", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace"]
    search_fields = ["contact_id"]
