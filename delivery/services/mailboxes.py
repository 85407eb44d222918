"""Mailboxes: added, changed, tested, paused, removed."""

import re
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from core import bus, clock
from core.encryption import DecryptionError
from core.exceptions import InvalidInput
from delivery import queue, retries
from delivery.compose import BadRecipientError, wire_address
from delivery.esp import Account
from delivery.esp.accounts import account_of
from delivery.esp.probing import probe
from delivery.events import MailboxPaused, MailboxRemoved, MailboxResumed
from delivery.exceptions import ConnectionTestError, MailboxError
from delivery.models import ApiAccount, Mailbox, MailboxPulse, Message, OAuthLogin
from delivery.oauth import TokenError, give_up_token
from delivery.servers import IMPATIENCE, seal_password, server_of
from delivery.services import domains, limits
from delivery.services.mailings import wake_workers
from delivery.smtp import Client, Failure, Stage
from team.models import Workspace

EDITABLE = frozenset(
    {
        "from_name",
        "from_email",
        "reply_to",
        "smtp_host",
        "smtp_port",
        "smtp_security",
        "smtp_username",
        "smtp_verify",
        "max_connections",
        "on_unknown",
        *limits.LIMITS,
    }
)
MAX_CONNECTIONS = 20
IN_SANDBOX = "For now, all mail of this installation goes to its sandbox inbox instead."
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+")


def create_mailbox(
    *, workspace: Workspace, from_email: str, smtp_host: str, smtp_password: str = "", **values: Any
) -> Mailbox:
    """Add a mailbox; `values` are its other columns.  Raises InvalidInput with the fields that can't be used."""
    mailbox = Mailbox(workspace=workspace)
    _assign(mailbox, {"from_email": from_email, "smtp_host": smtp_host, **values})
    limits.note_warm_up(mailbox, before=None)
    mailbox.smtp_password_encrypted = seal_password(workspace.pk, smtp_password)
    _save(mailbox)
    domains.note_domain_of(workspace, mailbox.from_email)
    return mailbox


def update_mailbox(mailbox: Mailbox, *, smtp_password: str | None = None, **changes: Any) -> Mailbox:
    """Change a mailbox; the next batch uses it.  `smtp_password` None keeps the password, "" removes it.

    Raises InvalidInput with the fields that can't be used.
    """
    before, ramp_start = _limits_of(mailbox), mailbox.ramp_start
    _assign(mailbox, changes)
    limits.note_warm_up(mailbox, before=ramp_start)
    if smtp_password is not None:
        mailbox.smtp_password_encrypted = seal_password(mailbox.workspace_id, smtp_password)
    # What failed before may work now.
    mailbox.retry_at = mailbox.failing_since = None
    mailbox.failures, mailbox.last_error = 0, ""
    with transaction.atomic():
        _save(mailbox)
        if _limits_of(mailbox) != before:
            limits.apply_limits(mailbox.pk)
        domains.note_domain_of(mailbox.workspace, mailbox.from_email)
        _bring_forward(mailbox.pk)
    return mailbox


def _limits_of(mailbox: Mailbox) -> dict[str, Any]:
    return {name: getattr(mailbox, name) for name in limits.LIMITS}


def _assign(mailbox: Mailbox, values: dict[str, Any]) -> None:
    unknown = values.keys() - EDITABLE
    if unknown:
        raise InvalidInput(f"A mailbox has no {', '.join(sorted(unknown))}.")
    for name, value in values.items():
        setattr(mailbox, name, value.strip() if isinstance(value, str) else value)
    errors: dict[str, list[str]] = {}
    for field in ("from_email", "reply_to"):
        address = getattr(mailbox, field)
        try:
            if address:
                wire_address(address)
        except BadRecipientError:
            errors[field] = ["This is not an address that mail can be sent from."]
    if not _HOST.fullmatch(mailbox.smtp_host):
        errors["smtp_host"] = ["Give the server's name, like smtp.example.com."]
    if not 1 <= int(mailbox.smtp_port) <= 65535:
        errors["smtp_port"] = ["A port is a number from 1 to 65535."]
    if not 1 <= int(mailbox.max_connections) <= MAX_CONNECTIONS:
        errors["max_connections"] = [f"Give a number from 1 to {MAX_CONNECTIONS}."]
    errors |= limits.refusals(mailbox)
    if errors:
        raise InvalidInput("The mailbox can't be used as it is.", fields=errors)


def _save(mailbox: Mailbox) -> None:
    try:
        mailbox.full_clean()
        with transaction.atomic():
            mailbox.save()
    except ValidationError as error:
        fields = {("from_email" if name == "__all__" else name): texts for name, texts in error.message_dict.items()}
        raise InvalidInput("The mailbox can't be used as it is.", fields=fields) from error
    except IntegrityError as error:
        message = "There is a mailbox with this address already."
        raise InvalidInput(message, fields={"from_email": [message]}) from error


@transaction.atomic
def pause_mailbox(mailbox_id: int, *, reason: str) -> bool:
    """Let a mailbox send nothing until someone resumes it; return False if it was paused already.

    What it is sending at this moment stops within seconds; all else waits. Nothing is lost.
    """
    paused = Mailbox.objects.filter(pk=mailbox_id, status=Mailbox.Status.ACTIVE).update(
        status=Mailbox.Status.PAUSED, paused_reason=reason
    )
    if paused:
        queue.hold_batches(mailbox_id=mailbox_id)
        bus.announce(MailboxPaused(mailbox_id, reason))
    return bool(paused)


@transaction.atomic
def resume_mailbox(mailbox_id: int) -> None:
    """Let a paused mailbox send again, at once.  Raises MailboxError if it is not paused."""
    resumed = Mailbox.objects.filter(pk=mailbox_id, status=Mailbox.Status.PAUSED, archived_at=None).update(
        status=Mailbox.Status.ACTIVE, paused_reason="", retry_at=None, failing_since=None, failures=0, last_error=""
    )
    if not resumed:
        raise MailboxError("Only a paused mailbox can be resumed.")
    # The guards judge what is sent from now on.
    MailboxPulse.objects.filter(mailbox=mailbox_id).delete()
    queue.release_batches(mailbox_id=mailbox_id)
    _bring_forward(mailbox_id)
    bus.announce(MailboxResumed(mailbox_id))


def forget_failures(mailbox_id: int) -> None:
    """What failed before may work now, as the way to send was changed: try at once."""
    Mailbox.objects.filter(pk=mailbox_id).update(retry_at=None, failing_since=None, failures=0, last_error="")
    _bring_forward(mailbox_id)


def _bring_forward(mailbox_id: int) -> None:
    """Messages that wait only for the server are due again."""
    queue.unpostpone_batches(mailbox_id, now=clock.now())
    transaction.on_commit(wake_workers)


@transaction.atomic
def delete_mailbox(mailbox: Mailbox) -> None:
    """Remove a mailbox; if it has ever sent, its messages keep pointing at it and only its password is destroyed.

    Raises MailboxError while messages wait to be sent from it.
    """
    Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    waiting = queue.open_batches_of_mailbox(mailbox.pk)
    if waiting:
        raise MailboxError(
            "Messages still wait to be sent from this mailbox. Cancel their campaigns first.", code="mailbox_in_use"
        )
    bus.announce(MailboxRemoved(mailbox.pk))
    if Message.objects.filter(workspace_id=mailbox.workspace_id, mailbox=mailbox).exists():
        Mailbox.objects.filter(pk=mailbox.pk).update(
            archived_at=clock.now(),
            status=Mailbox.Status.PAUSED,
            paused_reason="It was removed.",
            smtp_password_encrypted="",
        )
        ApiAccount.objects.filter(mailbox=mailbox).delete()
        OAuthLogin.objects.filter(mailbox=mailbox).delete()
    else:
        mailbox.delete()


def test_connection(mailbox: Mailbox) -> str:
    """Connect, secure and log in as for sending, but send nothing; return what was found, in words.

    It is the mailbox's own server that is tried, even if the installation sends everything to the sandbox.

    Raises ConnectionTestError with a diagnosis: `code` is the step that failed.
    """
    try:
        account = account_of(mailbox, own=True)
    except DecryptionError as error:
        message = "The stored API key can't be read with this installation's keys. Enter it again."
        raise ConnectionTestError(message, code="password") from error
    if account is not None:
        return _test_account(account)
    try:
        server = server_of(mailbox, patience=IMPATIENCE, own=True)
    except DecryptionError as error:
        message = "The stored password can't be read with this installation's keys. Enter it again."
        raise ConnectionTestError(message, code="password", fields={"smtp_password": [message]}) from error
    except TokenError as error:
        raise ConnectionTestError(str(error), code="token") from error
    client = Client(server, connections=1)
    try:
        failure = client.probe()
        capabilities = client.capabilities
    finally:
        client.close()
    if failure is not None:
        message = diagnosis(mailbox, failure)
        raise ConnectionTestError(message, code=failure.stage.value, fields={_FIELD_OF[failure.stage]: [message]})
    extras = ["pipelining" if capabilities.pipelining else "no pipelining"]
    extras += ["8-bit text"] if capabilities.eight_bit else []
    extras += ["international addresses"] if capabilities.smtputf8 else []
    extras += [f"messages up to {capabilities.size // 1_000_000} MB"] if capabilities.size >= 1_000_000 else []
    login = "logged in" if server.credentials else "no login asked for"
    secured = {"starttls": "secured by STARTTLS", "tls": "secured by TLS", "plain": "not encrypted"}[server.security]
    found = f"It works: connected to {server.host} port {server.port}, {secured}, {login} ({', '.join(extras)})."
    return f"{found} {IN_SANDBOX}" if settings.EMAIL_SANDBOX else found


def _test_account(account: Account) -> str:
    failure = probe(account)
    if failure is not None:
        raise ConnectionTestError(failure.message, code=failure.stage.value)
    found = f"It works: {account.provider.label} takes the API key."
    return f"{found} {IN_SANDBOX}" if settings.EMAIL_SANDBOX else found


def try_settings(mailbox: Mailbox, *, smtp_password: str | None = None, **changes: Any) -> str:
    """Test the connection as it would be after these changes; nothing is saved.

    Raises InvalidInput with the fields that can't be used, ConnectionTestError with a diagnosis.
    """
    _assign(mailbox, changes)
    if smtp_password is not None:
        mailbox.smtp_password_encrypted = seal_password(mailbox.workspace_id, smtp_password)
    return test_connection(mailbox)


_FIELD_OF = {
    Stage.CONNECT: "smtp_host",
    Stage.TLS: "smtp_security",
    Stage.GREETING: "smtp_host",
    Stage.HELLO: "smtp_host",
    Stage.STARTTLS: "smtp_security",
    Stage.AUTH: "smtp_password",
    Stage.MAIL: "smtp_host",
    Stage.RCPT: "smtp_host",
    Stage.DATA: "smtp_host",
    Stage.CONTENT: "smtp_host",
}


def diagnosis(mailbox: Mailbox, failure: Failure) -> str:
    """Return what went wrong, and what to do about it where that is known."""
    match failure.stage:
        case Stage.CONNECT:
            hint = "Check the server's name and port, and that no firewall stands between."
        case Stage.TLS if "certificate" in failure.message:
            hint = "If the server is your own, you can turn the check of its certificate off."
        case Stage.TLS:
            hint = "Port 465 is usually “TLS from the start”, port 587 “STARTTLS”."
        case Stage.STARTTLS:
            hint = "Choose “TLS from the start” (usually port 465), or no encryption on a trusted network."
        case Stage.GREETING if failure.reply is None and mailbox.smtp_security != Mailbox.Security.TLS:
            hint = "A server that says nothing may expect “TLS from the start” (usually port 465)."
        case Stage.AUTH:
            hint = "Check the user name and password; many providers want an app password or an API key here."
        case _:
            hint = ""
    return f"{failure.message.rstrip('.')}. {hint}".strip()


@transaction.atomic
def note_server_failure(mailbox: Mailbox, failure: Failure) -> datetime | None:
    """The mailbox's server could not be used: return when to try again, or pause the mailbox and return None.

    A refused login is the sender's fault and pauses at once, unless a new access token may help; a server that has been away for a day does too. Workers that
    meet the same outage at the same time count it once.
    """
    now = clock.now()
    refused_login = failure.stage is Stage.AUTH and (failure.reply is None or not failure.reply.is_temporary)
    if refused_login and not give_up_token(mailbox.pk, now=now):
        pause_mailbox(mailbox.pk, reason=diagnosis(mailbox, failure))
        return None
    locked = Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    if locked.retry_at is not None and locked.retry_at > now:
        return locked.retry_at
    since = locked.failing_since or now
    failures = min(locked.failures + 1, 1000)
    retry_at = retries.server_retry_at(failures=failures, now=now)
    Mailbox.objects.filter(pk=mailbox.pk).update(
        failing_since=since, failures=failures, retry_at=retry_at, last_error=failure.message[:500]
    )
    queue.postpone_batches(mailbox.pk, until=retry_at)
    if now - since >= retries.SERVER_GIVE_UP_AFTER:
        pause_mailbox(mailbox.pk, reason=f"The server could not be used for a day. {diagnosis(mailbox, failure)}")
    return retry_at


def note_server_success(mailbox: Mailbox) -> None:
    """The mailbox's server works (again)."""
    if mailbox.failures or mailbox.retry_at:
        Mailbox.objects.filter(pk=mailbox.pk).update(failures=0, failing_since=None, retry_at=None, last_error="")
        queue.unpostpone_batches(mailbox.pk, now=clock.now())
