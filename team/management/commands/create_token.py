from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.exceptions import InvalidInput
from team import services
from team.models import Workspace
from team.scopes import SCOPES


class Command(BaseCommand):
    help = "Makes an API token for a workspace and prints it, this one time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, metavar="SLUG", help="the workspace's short name")
        parser.add_argument("--name", required=True, help="where the token will be used")
        parser.add_argument(
            "--scopes", default="", metavar="A,B", help=f"empty: everything; else of: {', '.join(SCOPES)}"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']}.")
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        with services.acting_as("command:create_token"):
            try:
                _, secret = services.create_token(
                    workspace=workspace, name=options["name"], scopes=scopes, created_by=None
                )
            except InvalidInput as error:
                problems = [f"--{name}: {message}" for name, said in error.fields.items() for message in said]
                raise CommandError(" ".join(problems) or error.message) from error
        self.stdout.write(secret)
