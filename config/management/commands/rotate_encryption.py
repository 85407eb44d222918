"""`manage.py rotate_encryption`: put every stored secret under the first of ENCRYPTION_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from delivery import services as delivery
from integrations import services as integrations
from team.services import acting_as


class Command(BaseCommand):
    help = "Encrypts every stored secret with the first of ENCRYPTION_KEYS; exit status 1 if one can't be read."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was done, a line a column.  Raises CommandError if a secret can be read with none of the keys."""
        with acting_as("command:rotate_encryption"):
            renewals = delivery.renew_secrets() + integrations.renew_secrets()
        for renewal in renewals:
            self.stdout.write(f"{renewal.label}: {renewal.renewed:,} of {renewal.secrets:,} secrets renewed")
        unreadable = sum(renewal.unreadable for renewal in renewals)
        if unreadable:
            raise CommandError(
                f"{unreadable:,} secrets can be read with none of ENCRYPTION_KEYS. Keep the old keys in the list, or enter "
                "the secrets again."
            )
        self.stdout.write("Every secret is under the first key; the others can be taken out of ENCRYPTION_KEYS.")
