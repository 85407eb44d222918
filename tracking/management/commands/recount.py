"""Compare the ledger's columns and counters with the facts, and put them right."""

import itertools
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tracking import services
from tracking.recount import find_differences

SHOWN = 100


class Command(BaseCommand):
    """`recount` repairs, `recount --check` only tells; both print what differs."""

    help = "Works opens, clicks and all counters out anew from the facts and repairs what differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="Change nothing; exit 1 when anything differs.")

    def handle(self, *args: Any, check: bool = False, **options: Any) -> None:
        found = find_differences() if check else services.recount()
        lines = list(found.lines())
        for line in itertools.islice(lines, SHOWN):
            self.stdout.write(line)
        if len(lines) > SHOWN:
            self.stdout.write(f"… and {len(lines) - SHOWN} more.")
        if found.incomplete:
            self.stdout.write(
                f"{len(found.incomplete)} mailings keep their numbers of hits, as events of theirs were dropped."
            )
        verb = "differ" if check else "differed and are right now"
        self.stdout.write(f"{len(lines)} values {verb}." if lines else "Everything agrees with the facts.")
        if check and lines:
            sys.exit(1)
