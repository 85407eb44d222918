"""The run of an import: chunks that survive the death of the worker."""

import contextlib
import itertools
import json
import time
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import BinaryIO, cast

from django.db import connection, transaction
from django.db.models import F, Q

from contacts import selectors, tombstones
from contacts.events import ListEntered
from contacts.exceptions import UnreadableFile
from contacts.imports.mapping import FIELD_PREFIX, TARGETS, formats_of
from contacts.imports.merging import merge_rows
from contacts.imports.records import Record, RecordReader
from contacts.imports.rows import Chunk, RowParser
from contacts.models import Import, ImportedContact
from core import bus, clock

CHUNK_ROWS = 10_000

# A run gives way to other work after this many seconds and goes on in a task of its own.
RUN_SECONDS = 240

# When the first so many rows are all rejected, the mapping is wrong and going on would only fill the disk.
HOPELESS_ROWS = 20_000

# A worker that hasn't committed a chunk for this long is taken for dead; a second one does no harm.
STALLED = timedelta(seconds=45)

ANALYZE_ROWS = 5000

Status = Import.Status


def enqueue_import(import_id: int) -> None:
    """Hand an import to a worker; without a broker it waits for beat, which looks for queued ones."""
    from contacts.tasks import run_import as task

    with contextlib.suppress(task.OperationalError):
        task.delay(import_id)


def run_import(import_id: int, *, seconds: float = RUN_SECONDS) -> None:
    """Import a file from where the last committed chunk ended; harmless to call twice or at once.

    Runs for at most about `seconds` and then queues itself again. Whatever makes the file unreadable ends the import as
    failed, with a sentence; a broken database or a killed worker leaves it to be resumed.
    """
    claimed = Import.objects.filter(pk=import_id, status__in=[Status.QUEUED, Status.RUNNING])
    now = clock.now()
    if not claimed.update(status=Status.RUNNING, progressed_at=now):
        return
    Import.objects.filter(pk=import_id, started_at=None).update(started_at=now)
    source = Import.objects.select_related("workspace").get(pk=import_id)
    try:
        with source.file.storage.open(source.file.name or "", "rb") as file:
            _run(source, cast("BinaryIO", file.file), deadline=time.monotonic() + seconds)
    except (UnreadableFile, FileNotFoundError, UnicodeError) as error:
        message = error.message if isinstance(error, UnreadableFile) else f"The file can't be read: {error}"
        _finish(source, Status.FAILED, error=message)


def _run(source: Import, file: BinaryIO, *, deadline: float) -> None:
    reader = RecordReader(file, encoding=source.encoding, delimiter=source.delimiter)
    try:
        records = iter(reader)
        parser, records = _parser(source, records)
        done = sum(1 for _ in itertools.islice(records, source.processed))
        if done < source.processed:
            raise UnreadableFile("The file has become shorter since the import began.")
        with contextlib.closing(_parsed_ahead(parser, records, reader)) as chunks:
            for chunk, position in chunks:
                alone = source.processed == 0 and chunk.records < CHUNK_ROWS
                if not _commit_chunk(source, chunk, position=position, alone=alone):
                    return  # cancelled, or another worker is on it
                if source.processed == source.rejected and source.processed >= HOPELESS_ROWS:
                    raise UnreadableFile(
                        f"None of the first {source.processed:,} rows could be imported. "
                        "Is the right column mapped to the email address?"
                    )
                if time.monotonic() > deadline:
                    enqueue_import(source.pk)
                    return
        _finish(source, Status.COMPLETED)
    finally:
        reader.detach()


def _parsed_ahead(parser: RowParser, records: Iterator[Record], reader: RecordReader) -> Generator[tuple[Chunk, int]]:
    """Yield chunks with the position in the file behind them; the next one is parsed while the database merges the last."""
    batches = itertools.batched(records, CHUNK_ROWS)

    def parse() -> tuple[Chunk, int] | None:
        batch = next(batches, None)
        return None if batch is None else (parser.parse(batch), reader.position)

    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(parse)
        while (parsed := coming.result()) is not None:
            coming = pool.submit(parse)
            yield parsed


def _parser(source: Import, records: Iterator[Record]) -> tuple[RowParser, Iterator[Record]]:
    first = next(records, None)
    if first is None:
        raise UnreadableFile("The file is empty.")
    if not source.has_header:
        records = itertools.chain([first], records)
    fields = {field.key: field for field in selectors.fields_in(source.workspace)}
    mapping = {
        column: target
        for column, target in source.mapping.items()
        if target in TARGETS or target.removeprefix(FIELD_PREFIX) in fields  # a field may have been deleted meanwhile
    }
    return RowParser(mapping, columns=source.columns, fields=fields, formats=formats_of(source)), records


@transaction.atomic
def _commit_chunk(source: Import, chunk: Chunk, *, position: int, alone: bool) -> bool:
    """Merge a chunk and move the import on, in one transaction; False when somebody else has moved or stopped it."""
    now = clock.now()
    current = Import.objects.select_for_update().filter(pk=source.pk, status=Status.RUNNING, processed=source.processed)
    if not current.values_list("pk", flat=True).first():
        return False
    merged = merge_rows(source, chunk.rows.values(), now=now, alone=alone)
    if source.list_id is not None and merged.entered:
        bus.announce(ListEntered(source.list_id, merged.entered))
    tombstones.welcome_back(workspace_id=source.workspace_id, contact_ids=merged.created_ids, now=now)
    _keep_rejected(source, chunk.rejected)
    counts = {
        "processed": chunk.records,
        "created": merged.created,
        "updated": merged.updated,
        "unchanged" if source.update_existing else "skipped": merged.untouched,
        "duplicates": chunk.duplicates + merged.seen,
        "rejected": len(chunk.rejected),
    }
    current.update(
        **{name: F(name) + count for name, count in counts.items()}, processed_bytes=position, progressed_at=now
    )
    for name, count in counts.items():
        setattr(source, name, getattr(source, name) + count)
    return True


def _keep_rejected(source: Import, rejected: Iterable[tuple[int, list[str], str]]) -> None:
    statement = "COPY contacts_importrejection (source_id, line, cells, reason) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for line, cells, reason in rejected:
            copy.write_row((source.pk, line, json.dumps(cells, ensure_ascii=False), reason.replace("\x00", "\ufffd")))


def _finish(source: Import, status: str, *, error: str = "") -> None:
    now: datetime = clock.now()
    if source.processed >= ANALYZE_ROWS:
        # A campaign may follow at once: its plans must know the new contacts and the new list.
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE contacts_contact, contacts_listmember")
    with transaction.atomic():
        ended = Import.objects.filter(pk=source.pk, status=Status.RUNNING)
        if not ended.update(status=status, error=error, finished_at=now, progressed_at=now):
            return
        if status == Status.COMPLETED:
            Import.objects.filter(pk=source.pk).update(processed_bytes=F("total_bytes"))
        forget_working_data(source)


def forget_working_data(source: Import) -> None:
    """Drop what only a running import needs, in the caller's transaction: the contacts it has touched, and the file, which
    holds personal data.  A file whose deletion fails is found again by `clean_imports`.
    """
    ImportedContact.objects.filter(source=source).delete()
    transaction.on_commit(lambda: delete_file(source))


def delete_file(source: Import) -> None:
    """Delete the import's file."""
    if source.file:
        source.file.delete(save=False)
        Import.objects.filter(pk=source.pk).update(file="")


def resume_imports() -> int:
    """Queue the imports whose worker has died or whose task was lost; return how many."""
    since = clock.now() - STALLED
    unfinished = Import.objects.filter(status__in=[Status.QUEUED, Status.RUNNING])
    stalled = unfinished.filter(Q(progressed_at=None) | Q(progressed_at__lt=since))
    return enqueue_imports(stalled.values_list("pk", flat=True)[:100])


def enqueue_imports(import_ids: Iterable[int]) -> int:
    """Hand those of these imports that are unfinished to workers; return how many."""
    unfinished = Import.objects.filter(pk__in=list(import_ids), status__in=[Status.QUEUED, Status.RUNNING])
    ids = list(unfinished.values_list("pk", flat=True))
    for import_id in ids:
        enqueue_import(import_id)
    return len(ids)
