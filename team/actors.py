"""Who is acting, told to the database so that the audit triggers can write it down.

The name lives in the setting `drumbeat.actor` of the connection. Connections outlive requests, so whoever sets it sets
it back; PostgreSQL itself takes it back when the transaction that set it is rolled back.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection

ACTOR_SETTING = "drumbeat.actor"
BULK_SETTING = "drumbeat.bulk"
WORKSPACE_SETTING = "drumbeat.workspace"
PURGE_SETTING = "drumbeat.audit_purge"


def current_actor() -> str:
    """Return who is acting on this connection: "user:1", "token:2", a command's name, or "" (the system)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting(%s, true), '')", [ACTOR_SETTING])
        (actor,) = cursor.fetchone()
    return str(actor)


def set_actor(actor: str) -> None:
    """Say who acts on this connection from now on; the caller must call `clear_actor` or set the earlier one again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, false)", [ACTOR_SETTING, actor])


def clear_actor(actor: str = "") -> None:
    """Set the actor back, whatever state the connection is in.

    In a broken transaction there is nothing to do: its rollback takes the setting back. A connection that can't be
    reset outside a transaction is closed, so that nobody else ever acts under a stale name.
    """
    if connection.connection is None or connection.needs_rollback:
        return
    try:
        set_actor(actor)
    except DatabaseError:
        if not connection.in_atomic_block:
            connection.close()


@contextmanager
def acting_as(actor: str) -> Iterator[None]:
    """Name the actor of every change made inside the block, for tasks and commands (`acting_as("command:demo")`)."""
    before = current_actor()
    set_actor(actor)
    try:
        yield
    finally:
        clear_actor(before)


def set_local(setting: str, value: str) -> None:
    """Set a `drumbeat.*` setting until the end of the current transaction.  Raises RuntimeError outside of one."""
    if not connection.in_atomic_block:
        raise RuntimeError(f"{setting} holds for a transaction, so there must be one.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, true)", [setting, value])
