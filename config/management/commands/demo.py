"""`manage.py demo`: make the demo workspace anew."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.demo.builder import EMAIL, PASSWORD, SLUG, build_demo
from config.demo.stillness import still_installation
from delivery.selectors import messages_in


class Command(BaseCommand):
    help = "(Re)creates the demo workspace: contacts, templates, campaigns with a past, a drip that runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--contacts", type=int, default=5000, help="how many contacts (default: 5000)")

    def handle(self, *args: Any, contacts: int, **options: Any) -> None:
        if not 1 <= contacts <= 1_000_000:
            raise CommandError("Give between 1 and 1,000,000 contacts.")
        with still_installation(settings.ENVIRONMENT):
            workspace = build_demo(contact_count=contacts)
            sent = messages_in(workspace).count()
        self.stdout.write(
            f"Workspace “{SLUG}”: {contacts:,} contacts, {sent:,} messages. Sign in as {EMAIL}, password {PASSWORD}."
        )
