"""Lists and who is in them."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from contacts import selectors, services
from contacts.models import List, ListMember
from core.admin import RefusableAdmin


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
