from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet, Value
from django.http import HttpRequest

from core.admin import ReadOnlyAdmin
from tracking.hits import period_of
from tracking.models import BufferedHit, DrainedChunk, Event
from tracking.partitions import Month, existing_months
from tracking.selectors import verdict_sentence

MOST_COUNTED = 10_000


class CappedPaginator(Paginator):
    """Counts no further than anybody pages: counting a partition takes longer than showing its newest rows."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows.order_by()[:MOST_COUNTED].count() if isinstance(rows, QuerySet) else len(rows)


class MonthFilter(admin.SimpleListFilter):
    """One partition at a time, the newest by default; the catalogue knows which there are."""

    title = "month"
    parameter_name = "month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(_key(month), f"{month.start:%B %Y}") for month in reversed(existing_months())]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for key, label in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: key})
            yield {"selected": key == self._chosen, "query_string": query, "display": label}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        chosen = next((month for month in existing_months() if _key(month) == self._chosen), None)
        if chosen is None:
            return queryset.none()
        return queryset.filter(occurred_at__gte=chosen.start, occurred_at__lt=chosen.plus(1).start)

    @cached_property
    def _chosen(self) -> str | None:
        return self.value() or _newest_with_events()


def _newest_with_events() -> str | None:
    """Return the newest month that holds anything, as partitions are made ahead: one row of each, in one statement."""
    events = Event.objects.order_by()
    found = [
        events.filter(occurred_at__gte=month.start, occurred_at__lt=month.plus(1).start).values_list(
            Value(_key(month))
        )[:1]
        for month in existing_months()
    ]
    return max((key for (key,) in found[0].union(*found[1:], all=True)), default=None) if found else None


def _key(month: Month) -> str:
    return f"{month.year}-{month.number:02}"


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["occurred_at", "kind", "verdict", "reason", "message_id", "contact_id", "mailing_id", "ip"]
    list_filter = [MonthFilter, "kind", "verdict"]
    search_fields = ["=message_id", "=contact_id"]
    search_help_text = "The number of a message or of a contact."
    ordering = ["-id"]
    paginator = CappedPaginator
    readonly_fields = ["sentence"]

    @admin.display(description="Why")
    def sentence(self, event: Event) -> str:
        return verdict_sentence(event.reason)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Event | None:
        """Find an event by its number, which leads to its partition."""
        if not object_id.isascii() or not object_id.isdigit() or int(object_id) >= 2**63:
            return None
        start, end = period_of(int(object_id))
        return self.get_queryset(request).filter(pk=object_id, occurred_at__gte=start, occurred_at__lt=end).first()


@admin.register(DrainedChunk)
class DrainedChunkAdmin(ReadOnlyAdmin):
    list_display = ["id", "drained_at", "hits", "events"]
    ordering = ["-drained_at"]
    paginator = CappedPaginator


@admin.register(BufferedHit)
class BufferedHitAdmin(ReadOnlyAdmin):
    list_display = ["id"]
    ordering = ["id"]
    paginator = CappedPaginator
