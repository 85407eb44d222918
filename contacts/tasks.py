"""Celery's tasks: ids in, one service call."""

from typing import Any

from celery import shared_task


@shared_task(ignore_result=True)
def run_import(import_id: int) -> None:
    """Import a file, or go on with it."""
    from contacts import services

    services.run_import(import_id)


@shared_task(ignore_result=True)
def resume_imports() -> None:
    """Take up imports whose worker has died."""
    from contacts import services

    services.resume_imports()


@shared_task(ignore_result=True)
def clean_imports() -> None:
    """Delete uploads that nobody mapped."""
    from contacts import services

    services.clean_imports()


@shared_task(ignore_result=True)
def strip_field(workspace_id: int, key: str) -> None:
    """Remove the values of a deleted field."""
    from contacts import services

    services.strip_field(workspace_id=workspace_id, key=key)


@shared_task(ignore_result=True)
def carry_out(**order: Any) -> None:
    """Do something to many contacts."""
    from contacts import services

    services.carry_out_later(**order)
