"""An import whose worker dies, is doubled, cancelled or delayed."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from contacts import services
from contacts.models import Contact, Import, ImportedContact
from contacts.services import import_runs
from core import clock
from team.models import Workspace
from tests.factories.contacts import make_list, run_file, upload
from tests.factories.team import WorkspaceFactory


@pytest.fixture
def home(transactional_db: None) -> Workspace:
    """A workspace whose rows are really committed."""
    return WorkspaceFactory()


def people(count: int) -> bytes:
    lines = [f"person{number}@example.com,Given{number}\n" for number in range(count)]
    return ("Email,First name\n" + "".join(lines)).encode()


def queued(workspace: Workspace, content: bytes) -> Import:
    return services.map_import(upload(workspace, content), mapping={"0": "email", "1": "first_name"})


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    home: Workspace, start_worker: Callable[..., object]
) -> None:
    source = services.map_import(
        upload(home, people(120_000)), mapping={"0": "email", "1": "first_name"}, list_=make_list(home)
    )
    worker = start_worker(beat=True)  # beat finds an import whose task got lost
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        source.refresh_from_db()
        if source.processed:
            break
        time.sleep(0.02)
    worker.kill()
    source.refresh_from_db()
    assert 0 < source.processed < 120_000, "the worker was to be killed in mid-import"
    committed = source.processed
    assert Contact.objects.filter(workspace=home).count() >= committed

    Import.objects.filter(pk=source.pk).update(progressed_at=clock.now() - timedelta(minutes=5))
    start_worker()
    assert services.resume_imports() == 1
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and not source.is_finished:
        time.sleep(0.1)
        source.refresh_from_db()
    assert (source.status, source.processed, source.created, source.duplicates) == ("completed", 120_000, 120_000, 0)
    assert Contact.objects.filter(workspace=home).count() == 120_000
    assert source.list is not None
    assert source.list.list_members.count() == 120_000
    assert not ImportedContact.objects.exists()


@pytest.mark.django_db
def test_a_run_that_was_cut_off_goes_on_behind_the_last_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_runs, "CHUNK_ROWS", 4)
    source = queued(WorkspaceFactory(), people(10) + b"person0@example.com,Last\n")
    commit = import_runs._commit_chunk
    calls = 0

    def die_at_the_second(*args, **kwargs) -> bool:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise ConnectionError
        return commit(*args, **kwargs)

    monkeypatch.setattr(import_runs, "_commit_chunk", die_at_the_second)
    with pytest.raises(ConnectionError):
        services.run_import(source.pk)
    source.refresh_from_db()
    assert (source.status, source.processed) == ("running", 4)
    services.run_import(source.pk)
    source.refresh_from_db()
    assert (source.status, source.processed, source.created, source.duplicates) == ("completed", 11, 10, 1)
    assert Contact.objects.get(email_key="person0@example.com").first_name == "Last"


@pytest.mark.django_db
def test_a_long_import_gives_way_and_queues_itself_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_runs, "CHUNK_ROWS", 4)
    again: list[int] = []
    monkeypatch.setattr(import_runs, "enqueue_import", again.append)
    source = queued(WorkspaceFactory(), people(10))
    services.run_import(source.pk, seconds=0)
    source.refresh_from_db()
    assert (source.status, source.processed, again) == ("running", 4, [source.pk])


def test_two_workers_on_one_import_do_no_harm(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_runs, "CHUNK_ROWS", 50)
    source = queued(home, people(1000))

    def run() -> None:
        services.run_import(source.pk)
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    source.refresh_from_db()
    assert (source.status, source.processed, source.created) == ("completed", 1000, 1000)
    assert Contact.objects.filter(workspace=home).count() == 1000


def test_a_contact_that_somebody_creates_in_mid_chunk_is_an_existing_one(home: Workspace) -> None:
    source = queued(home, people(5))

    def create_elsewhere() -> None:
        services.create_contact(workspace=home, email="person3@example.com", company="Kept")
        connection.close()

    def intrude(execute, sql, params, many, context):
        if "INSERT INTO contacts_contact" in sql:
            thread = threading.Thread(target=create_elsewhere)
            thread.start()
            thread.join()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(intrude):
        services.run_import(source.pk)
    source.refresh_from_db()
    assert (source.status, source.created, source.updated) == ("completed", 4, 1)
    contact = Contact.objects.get(email_key="person3@example.com")
    assert (contact.first_name, contact.company) == ("Given3", "Kept")


def test_a_cancelled_import_stops_at_the_next_chunk_and_keeps_what_it_has(
    home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_runs, "CHUNK_ROWS", 4)
    source = queued(home, people(10))
    commit = import_runs._commit_chunk

    def cancel_after(*args, **kwargs) -> bool:
        done = commit(*args, **kwargs)
        services.cancel_import(Import.objects.get(pk=source.pk))
        return done

    monkeypatch.setattr(import_runs, "_commit_chunk", cancel_after)
    monkeypatch.setattr(import_runs, "RUN_SECONDS", 60)
    with pytest.raises(Exception, match="can't be cancelled"):
        services.run_import(source.pk)
    source.refresh_from_db()
    assert (source.status, source.processed) == ("cancelled", 4)
    assert Contact.objects.count() == 4
    assert not source.file


@pytest.mark.django_db
def test_a_file_that_is_gone_fails_the_import_with_a_sentence() -> None:
    source = queued(WorkspaceFactory(), people(3))
    source.file.storage.delete(source.file.name)
    services.run_import(source.pk)
    source.refresh_from_db()
    assert source.status == "failed"
    assert "can't be read" in source.error


def test_a_file_that_outlived_its_import_is_removed(home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_runs, "delete_file", lambda source: None)
    source = run_file(home, people(1))
    assert source.file
    assert services.clean_imports() == 0
    with clock.simulated(clock.now() + timedelta(hours=2)):
        assert services.clean_imports() == 1
    source.refresh_from_db()
    assert not source.file


def test_uploads_that_nobody_mapped_are_removed_after_a_week(home: Workspace) -> None:
    old, fresh = upload(home, people(1)), upload(home, people(1))
    Import.objects.filter(pk=old.pk).update(created_at=clock.now() - timedelta(days=8))
    path = old.file.path
    assert services.clean_imports() == 1
    old.refresh_from_db()
    assert (old.status, bool(old.file)) == ("cancelled", False)
    assert not old.file.storage.exists(path)
    fresh.refresh_from_db()
    assert fresh.status == "uploaded"


@pytest.mark.django_db
def test_memory_stays_flat_however_large_the_file_is() -> None:
    import tracemalloc

    tracemalloc.start()
    workspace = WorkspaceFactory()
    run_file(workspace, people(1000))
    content = people(40_000)
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    run_file(WorkspaceFactory(), content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - before < 40_000_000
