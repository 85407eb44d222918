"""Checks of a running installation, for `manage.py doctor`."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from smtplib import SMTPAuthenticationError, SMTPException

import redis
from django.conf import settings
from django.core.mail import mailers
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from config import health, heartbeats
from core import redis as core_redis
from core.exceptions import DomainError
from delivery import selectors as delivery
from delivery.models import Mailbox, SendingDomain
from delivery.services import check_domain, test_connection

OLDEST_POSTGRES = 15_00_00
LOW_DISK_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `detail` is one sentence or a figure."""

    name: str
    healthy: bool
    detail: str


def examine() -> list[Finding]:
    """Run every check; one that can't be made is a fault of its own."""
    return [check() for check in CHECKS] + check_mailboxes()


def check_database() -> Finding:
    """The database answers, is new enough and has all migrations."""
    if problem := health.database_problem():
        return Finding("Database", False, problem)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version_num")
            version = int(cursor.fetchone()[0])
        executor = MigrationExecutor(connection)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError as error:
        return Finding("Database", False, f"The database cannot be read: {health.first_line(error)}.")
    if version < OLDEST_POSTGRES:
        return Finding("Database", False, f"PostgreSQL {version // 10_000} is too old: 15 or newer is needed.")
    if missing:
        return Finding("Database", False, f"{missing} migrations are missing: run manage.py migrate.")
    where = connection.settings_dict["HOST"] or "localhost"
    return Finding(
        "Database", True, f"PostgreSQL {version // 10_000}.{version % 10_000} at {where}, all migrations applied"
    )


def check_redis() -> Finding:
    """Redis answers and keeps what it was given."""
    try:
        client = core_redis.client()
        memory = client.info("memory")
        persistence = client.info("persistence")
    except redis.RedisError as error:
        return Finding("Redis", False, f"Redis does not answer: {health.first_line(error)}.")
    policy = memory.get("maxmemory_policy")
    if policy != "noeviction":
        return Finding("Redis", False, f"Its maxmemory-policy is {policy}: queued work can vanish, set noeviction.")
    if not persistence.get("aof_enabled"):
        return Finding("Redis", False, "It keeps no append-only file: a restart loses opens and clicks not yet stored.")
    return Finding("Redis", True, f"{memory.get('used_memory_human')} used, append-only file on, noeviction")


def check_workers() -> Finding:
    """At least one worker shows signs of life."""
    if problem := health.workers_problem():
        return Finding("Workers", False, problem)
    return Finding("Workers", True, ", ".join(worker.name for worker in heartbeats.live_workers()))


def check_beat() -> Finding:
    """What beat sends is run by a worker soon after."""
    try:
        lag = heartbeats.beat_lag()
    except redis.RedisError as error:
        return Finding("Beat", False, f"Redis does not answer: {health.first_line(error)}.")
    if lag is None:
        return Finding("Beat", False, "No task of beat has ever been run: start beat and a worker.")
    seconds = lag.total_seconds()
    if lag > heartbeats.BEAT_TIMEOUT:
        return Finding("Beat", False, f"Beat's last task was run {seconds:.0f} s ago: beat or the workers are stuck.")
    return Finding("Beat", True, f"last task run {seconds:.1f} s ago")


def check_disk() -> Finding:
    """The data folder has room."""
    folder: Path = settings.DATA_DIR
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < LOW_DISK_BYTES:
        return Finding("Disk", False, f"Only {free / 1e9:.1f} GB are free in {settings.DATA_DIR}.")
    return Finding("Disk", True, f"{free / 1e9:.0f} GB free in {settings.DATA_DIR}")


def check_system_mail() -> Finding:
    """The server of invitations and password resets takes a connection, and the login."""
    server = settings.ENVIRONMENT.system_mail
    backend = mailers.default
    try:
        backend.open()
    except SMTPAuthenticationError as error:
        detail = f"{server.address} refuses the login: {error.smtp_code} {health.first_line(error)}."
        return Finding("System mail", False, detail)
    except (SMTPException, OSError) as error:
        detail = f"{server.address} can't be used, so invitations and password resets don't leave: "
        return Finding("System mail", False, f"{detail}{health.first_line(error)}. See SYSTEM_EMAIL_URL.")
    finally:
        backend.close()
    return Finding("System mail", True, f"{server.address}, from {settings.DEFAULT_FROM_EMAIL}")


def check_mailboxes() -> list[Finding]:
    """Each mailbox can log in, and each domain has SPF, DKIM and DMARC in order; nothing when there are none."""
    try:
        mailboxes = list(Mailbox.objects.filter(archived_at=None).select_related("workspace").order_by("pk"))
        if mailboxes and settings.EMAIL_SANDBOX:
            host, port = settings.EMAIL_SANDBOX
            return [Finding("Mailboxes", True, f"not checked, as all mail goes to the sandbox at {host}:{port}")]
        findings = [_mailbox_finding(mailbox) for mailbox in mailboxes]
        domains = {domain.pk: domain for each in mailboxes for domain in delivery.domains_of([each]).values()}
        for domain in domains.values():
            findings += _domain_findings(domain)
    except DatabaseError as error:
        return [Finding("Mailboxes", False, f"They cannot be read: {health.first_line(error)}.")]
    return findings


def _mailbox_finding(mailbox: Mailbox) -> Finding:
    if mailbox.status == Mailbox.Status.PAUSED:
        return Finding("Mailbox", True, f"{mailbox.from_email} is paused: {mailbox.paused_reason}")
    try:
        return Finding("Mailbox", True, f"{mailbox.from_email}: {test_connection(mailbox)}")
    except DomainError as error:
        return Finding("Mailbox", False, f"{mailbox.from_email}: {error.message}")


def _domain_findings(domain: SendingDomain) -> list[Finding]:
    items = [item for item in check_domain(domain).items if item.code in ("spf", "dkim", "dmarc")]
    return [
        Finding(item.title, item.level is not delivery.Level.FAULT, f"{domain.name}: {item.found} {item.todo}".strip())
        for item in items
    ]


CHECKS: tuple[Callable[[], Finding], ...] = (
    check_database,
    check_redis,
    check_workers,
    check_beat,
    check_system_mail,
    check_disk,
)
