"""Let old events go, a month at a time."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tracking import services


class Command(BaseCommand):
    """Detaches and drops the partitions that are older than the retention."""

    help = "Drops events older than so many months; counters and the messages' first times stay."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--months", type=int, help="Full months to keep (default: EVENT_RETENTION_MONTHS).")

    def handle(self, *args: Any, months: int | None = None, **options: Any) -> None:
        keep = settings.EVENT_RETENTION_MONTHS if months is None else months
        if keep < 1:
            raise CommandError("Nothing is dropped: set EVENT_RETENTION_MONTHS or give --months, at least 1.")
        dropped = services.drop_old_events(months=keep)
        names = ", ".join(f"{month.year}-{month.number:02}" for month in dropped)
        self.stdout.write(f"Dropped {names}." if dropped else "There is nothing old enough.")
