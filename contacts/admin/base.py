"""What the admin pages of contacts share."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from core.exceptions import DomainError


def refuse(form: forms.ModelForm, error: DomainError) -> None:
    """Show a service's refusal beside the fields it names, else above all."""
    for name, texts in (error.fields or {"": [error.message]}).items():
        own = name.partition(".")[0]
        form.add_error(own if own in form.fields else None, ValidationError(texts))


class RefusableAdmin(admin.ModelAdmin):
    """Deletes by a service, one or many at once; a refusal keeps all of them and becomes a message."""

    def remove(self, obj: Any) -> None:
        """Delete one by its service."""
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.remove(obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.remove(obj)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as error:
            return self._refused(request, error)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        try:
            return super().changelist_view(request, extra_context)
        except DomainError as error:
            return self._refused(request, error)

    def _refused(self, request: HttpRequest, error: DomainError) -> HttpResponse:
        self.message_user(request, error.message, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())
