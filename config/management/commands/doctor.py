from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.doctor import examine


class Command(BaseCommand):
    """Prints what is well and what is not."""

    help = "Checks database, Redis, workers, beat, disk, mailboxes and their domains; exit status 1 on a fault."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each finding.  Raises CommandError if there is a fault."""
        findings = examine()
        for finding in findings:
            style = self.style.SUCCESS if finding.healthy else self.style.ERROR
            self.stdout.write(f"{style('ok   ' if finding.healthy else 'FAULT')}  {finding.name:9} {finding.detail}")
        faults = sum(not finding.healthy for finding in findings)
        if faults:
            raise CommandError(f"{faults} of {len(findings)} checks found a fault.")
