import os
import signal
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import startup
from config.embedded.exceptions import EmbeddedServiceError
from config.embedded.postgres import start_postgres
from config.embedded.valkey import start_valkey
from config.environment import ConfigurationError, Environment
from config.processes import first_processes, further_processes
from config.supervisor import AlreadyRunningError, ServerSpec, Supervisor, end_leftovers, only_supervisor
from frontend import vendor


class Command(BaseCommand):
    """Starts all of Drumbeat and keeps it running until Ctrl-C."""

    help = "Starts PostgreSQL, Redis, web, tracking, workers, beat and the sandbox inbox; Ctrl-C stops them all."
    requires_system_checks: list[str] = []
    _login: str | None = None

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until interrupted.  Raises CommandError, one sentence, if something keeps it from starting."""
        environment: Environment = settings.ENVIRONMENT
        # SIGINT too: a shell's background job is started with it ignored, and Python leaves that as it is.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        try:
            with only_supervisor(environment.data_dir):
                self._run(environment)
        except (AlreadyRunningError, ConfigurationError, EmbeddedServiceError) as error:
            raise CommandError(str(error)) from error

    def _run(self, environment: Environment) -> None:
        supervisor = Supervisor(environment.data_dir, settings.BASE_DIR, os.environ, self._say)
        try:
            if ended := end_leftovers(environment.data_dir, seconds=10):
                self._say(f"Stopped {ended} processes that an earlier run left behind.")
            self._prepare(environment, supervisor)
            for spec in first_processes(environment, settings.BASE_DIR):
                supervisor.start_process(spec)
            if problem := startup.wait_until_ready(environment, supervisor.tick):
                self._say(f"Not ready yet: {problem.rstrip('.')}. Logs: {supervisor.logs}")
            for spec in further_processes(environment):
                supervisor.start_process(spec)
            self._greet(environment)
            supervisor.run()
        except KeyboardInterrupt:
            self._say("Stopping …")
        finally:
            self._stop(supervisor)

    def _prepare(self, environment: Environment, supervisor: Supervisor) -> None:
        startup.check_ports(environment)
        if environment.embedded_database:
            supervisor.start_server(ServerSpec("PostgreSQL", lambda: start_postgres(environment.data_dir)))
        if environment.embedded_redis:
            supervisor.start_server(ServerSpec("Valkey", lambda: start_valkey(environment.data_dir)))
        startup.check_database()
        startup.check_redis(environment.redis_url)
        self._step("Browser libraries", vendor.main)
        self._step("Database", startup.migrate)
        self._step("Static files", lambda: startup.collect_static_files(environment.data_dir))
        if environment.demo:
            self._step("Demo workspace", startup.load_demo)
        self._login = startup.demo_login()
        startup.release_connections()

    def _step(self, name: str, step: Any) -> None:
        started = time.monotonic()
        step()
        if (seconds := time.monotonic() - started) > 1:
            self._say(f"{name}: {seconds:.1f} s")

    def _greet(self, environment: Environment) -> None:
        rows = [("Drumbeat", environment.base_url), ("Tracking", environment.tracking_url)]
        if environment.sandbox_inbox:
            rows.append(("Sandbox inbox", f"http://localhost:{environment.sandbox_web_port}"))
        rows.append(("API", f"{environment.base_url}/api/docs/"))
        if self._login:
            rows.append(("Demo login", self._login))
        self._say("\n" + "\n".join(f"  {name:14} {value}" for name, value in rows) + "\n\n  Ctrl-C stops everything.\n")

    def _stop(self, supervisor: Supervisor) -> None:
        def hurry(*_: object) -> None:
            supervisor.hurry = True

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, hurry)
        supervisor.stop()
        self._say("Stopped.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
