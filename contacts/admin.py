"""Django admin of contacts: every change goes through the services, as on every other edge."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from contacts import selectors, services
from contacts.exceptions import InvalidContact
from contacts.models import (
    SEARCH_TEXT,
    Contact,
    ContactField,
    DeletedContact,
    Import,
    ImportRejection,
    List,
    ListMember,
    Segment,
    Suppression,
)
from contacts.profile import COLUMNS
from core.exceptions import DomainError


class ReadOnlyAdmin(admin.ModelAdmin):
    """What happened is looked at, not edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def refuse(form: forms.ModelForm, error: DomainError) -> None:
    """Show a service's refusal beside the fields it names, else above all."""
    for name, texts in (error.fields or {"": [error.message]}).items():
        own = name.partition(".")[0]
        form.add_error(own if own in form.fields else None, ValidationError(texts))


class ContactForm(forms.ModelForm):
    """A contact whose data is checked by the rules of the services."""

    attributes = forms.JSONField(required=False, help_text="Values of custom fields by their key.")

    class Meta:
        model = Contact
        fields = ["workspace", "email", *COLUMNS, "tracking", "attributes"]

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

    def delete_model(self, request: HttpRequest, obj: Contact) -> None:
        services.delete_contacts(workspace=obj.workspace, contact_ids=[obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Contact]) -> None:
        for contact in queryset.select_related("workspace"):
            services.delete_contacts(workspace=contact.workspace, contact_ids=[contact.pk])

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


class RefusableAdmin(admin.ModelAdmin):
    """Saves and deletes by services, whose refusals become messages."""

    def remove(self, obj: Any) -> None:
        """Delete one by its service."""
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        try:
            self.remove(obj)
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.delete_model(request, obj)


@admin.register(ContactField)
class ContactFieldAdmin(RefusableAdmin):
    list_display = ["label", "key", "type", "workspace", "created_at"]
    list_filter = ["type", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["label", "key"]
    autocomplete_fields = ["workspace"]

    class Form(forms.ModelForm):
        class Meta:
            model = ContactField
            fields = ["workspace", "label", "key", "type", "choices"]

        def clean(self) -> dict[str, Any]:
            data: dict[str, Any] = super().clean() or {}
            if self.errors:
                return data
            try:
                if self.instance.pk:
                    stored = ContactField.objects.get(pk=self.instance.pk)
                    services.check_field_change(stored, label=data["label"], choices=data.get("choices") or [])
                else:
                    services.check_field(
                        workspace=data["workspace"],
                        label=data["label"],
                        type_=data["type"],
                        key=data["key"],
                        choices=data.get("choices") or [],
                    )
            except DomainError as error:
                refuse(self, error)
            return data

    form = Form

    def get_readonly_fields(self, request: HttpRequest, obj: ContactField | None = None) -> list[str]:
        return ["workspace", "key", "type", "created_at"] if obj else ["created_at"]

    def save_model(self, request: HttpRequest, obj: ContactField, form: Any, change: bool) -> None:
        if change:
            services.update_field(ContactField.objects.get(pk=obj.pk), label=obj.label, choices=obj.choices)
        else:
            made = services.create_field(
                workspace=obj.workspace, label=obj.label, type_=obj.type, key=obj.key, choices=obj.choices
            )
            obj.pk = made.pk

    def remove(self, obj: Any) -> None:
        services.delete_field(obj)


@admin.register(List)
class ListAdmin(RefusableAdmin):
    list_display = ["name", "workspace", "size", "created_at"]
    list_filter = ["workspace"]
    list_select_related = ["workspace"]
    search_fields = ["name"]
    autocomplete_fields = ["workspace"]
    readonly_fields = ["size", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[List]:
        lists: QuerySet[List] = super().get_queryset(request)
        return selectors.with_size(lists)

    @admin.display(description="contacts")
    def size(self, list_: List) -> int:
        return int(getattr(list_, "size", 0))

    def get_readonly_fields(self, request: HttpRequest, obj: List | None = None) -> list[str]:
        return [*self.readonly_fields, *(["workspace"] if obj else [])]

    def save_model(self, request: HttpRequest, obj: List, form: Any, change: bool) -> None:
        if change:
            services.update_list(obj, name=obj.name, description=obj.description)
        else:
            obj.pk = services.create_list(workspace=obj.workspace, name=obj.name, description=obj.description).pk

    def remove(self, obj: Any) -> None:
        services.delete_list(obj)


class SegmentForm(forms.ModelForm):
    class Meta:
        model = Segment
        fields = ["workspace", "name", "definition"]

    def clean_definition(self) -> Any:
        workspace = self.instance.workspace if self.instance.pk else self.cleaned_data.get("workspace")
        if workspace is None:
            return self.cleaned_data["definition"]
        try:
            return selectors.checked_definition(workspace.pk, self.cleaned_data["definition"])
        except DomainError as error:
            raise ValidationError(error.message) from error


@admin.register(Segment)
class SegmentAdmin(RefusableAdmin):
    form = SegmentForm
    list_display = ["name", "workspace", "updated_at"]
    list_filter = ["workspace"]
    list_select_related = ["workspace"]
    search_fields = ["name"]
    autocomplete_fields = ["workspace"]
    readonly_fields = ["matches", "created_at", "updated_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        return [*self.readonly_fields, *(["workspace"] if obj else [])]

    @admin.display(description="contacts now")
    def matches(self, segment: Segment) -> str:
        if not segment.pk:
            return "—"
        try:
            count = selectors.count_matching(segment.workspace, segment.definition)
        except DomainError as error:
            return error.message
        return "too many to count" if count is None else f"{count:,}"

    def save_model(self, request: HttpRequest, obj: Segment, form: Any, change: bool) -> None:
        if change:
            services.update_segment(obj, name=obj.name, definition=obj.definition)
        else:
            made = services.create_segment(workspace=obj.workspace, name=obj.name, definition=obj.definition)
            obj.pk = made.pk

    def remove(self, obj: Any) -> None:
        services.delete_segment(obj)


class SuppressionForm(forms.ModelForm):
    class Meta:
        model = Suppression
        fields = ["workspace", "email_key", "reason", "detail"]
        labels = {"email_key": "email address"}

    def clean_email_key(self) -> str:
        email: str = self.cleaned_data["email_key"]
        try:
            checked = services.check_columns(0, {"email": email}, known={})
        except InvalidContact as error:
            raise ValidationError(error.fields["email"]) from error
        return str(checked["email_key"])


@admin.register(Suppression)
class SuppressionAdmin(RefusableAdmin):
    form = SuppressionForm
    list_display = ["email_key", "reason", "workspace", "detail", "created_at"]
    list_filter = ["reason", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["email_key"]
    show_full_result_count = False
    autocomplete_fields = ["workspace"]
    readonly_fields = ["created_at"]
    date_hierarchy = "created_at"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        services.suppress(workspace_id=obj.workspace_id, email=obj.email_key, reason=obj.reason, detail=obj.detail)
        obj.pk = Suppression.objects.get(workspace=obj.workspace_id, email_key=obj.email_key).pk

    def remove(self, obj: Any) -> None:
        services.lift_suppression(workspace_id=obj.workspace_id, email=obj.email_key)


@admin.register(Import)
class ImportAdmin(ReadOnlyAdmin):
    list_display = [
        "file_name",
        "workspace",
        "status",
        "progress",
        "processed",
        "created",
        "updated",
        "rejected",
        "created_at",
    ]
    list_filter = ["status", "workspace"]
    list_select_related = ["workspace"]
    search_fields = ["file_name"]
    date_hierarchy = "created_at"
    actions = ["cancel", "resume"]

    @admin.display(description="progress")
    def progress(self, source: Import) -> SafeString:
        share = round(100 * source.processed_bytes / source.total_bytes) if source.total_bytes else 0
        return format_html('<progress max="100" value="{}" aria-label="Progress"></progress>', share)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_change_permission(self, request)

    @admin.action(description="Cancel the imports", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Import]) -> None:
        for source in queryset:
            try:
                services.cancel_import(source)
            except DomainError as error:
                self.message_user(request, f"{source}: {error.message}", messages.WARNING)
            else:
                self.message_user(request, f"{source} was cancelled.")

    @admin.action(description="Hand the imports to a worker again", permissions=["cancel"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Import]) -> None:
        count = services.enqueue_imports(queryset.values_list("pk", flat=True))
        self.message_user(request, f"{count:,} unfinished imports were queued.")


@admin.register(ImportRejection)
class ImportRejectionAdmin(ReadOnlyAdmin):
    list_display = ["source", "line", "reason"]
    list_filter = ["source__workspace"]
    list_select_related = ["source"]
    search_fields = ["reason"]
    show_full_result_count = False


@admin.register(ListMember)
class ListMemberAdmin(admin.ModelAdmin):
    list_display = ["contact", "list", "added_at"]
    list_filter = ["list__workspace"]
    list_select_related = ["contact", "list"]
    search_fields = ["contact__email_key", "list__name"]
    show_full_result_count = False
    autocomplete_fields = ["contact", "list"]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(DeletedContact)
class DeletedContactAdmin(ReadOnlyAdmin):
    list_display = ["contact_id", "workspace", "successor_id", "unsubscribed_at", "deleted_at"]
    list_filter = ["workspace", ("unsubscribed_at", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace"]
    search_fields = ["contact_id"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
