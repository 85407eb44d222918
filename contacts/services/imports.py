"""Imports: from an uploaded file to contacts, in chunks that survive the death of the worker."""

import contextlib
import itertools
import json
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, BinaryIO, cast

from django.core.files import File
from django.db import connection, transaction
from django.db.models import F, Q

from contacts import selectors, tombstones
from contacts.exceptions import ContactsError, UnreadableFile
from contacts.imports.encodings import ENCODINGS
from contacts.imports.layout import DELIMITERS, Layout, Preview, inspect_file, preview_file
from contacts.imports.mapping import FIELD_PREFIX, TARGETS, check_mapping, formats_of
from contacts.imports.merging import merge_rows
from contacts.imports.records import Record, RecordReader
from contacts.imports.rows import Chunk, RowParser
from contacts.models import Import, ImportedContact, List
from core import clock
from core.exceptions import InvalidInput
from team.models import User, Workspace

CHUNK_ROWS = 10_000
MAX_BYTES = 1024**3

# A run gives way to other work after this many seconds and goes on in a task of its own.
RUN_SECONDS = 240

# When the first so many rows are all rejected, the mapping is wrong and going on would only fill the disk.
HOPELESS_ROWS = 20_000

# A worker that hasn't committed a chunk for this long is taken for dead; a second one does no harm.
STALLED = timedelta(seconds=45)
KEEP_UNMAPPED = timedelta(days=7)

Status = Import.Status


def start_import(*, workspace: Workspace, file: "File[bytes]", created_by: User | None = None) -> Import:
    """Keep an uploaded CSV file and find out how it is laid out; it then waits for `map_import`.

    Raises UnreadableFile (422) for a file that is empty, too large or no CSV.
    """
    if not file.size:
        raise UnreadableFile("The file is empty.", fields={"file": ["The file is empty."]})
    if file.size > MAX_BYTES:
        raise UnreadableFile(
            "The file is larger than 1 GB. Split it.", fields={"file": ["The file is larger than 1 GB."]}
        )
    try:
        content = cast("BinaryIO", file.file or file)
        layout = inspect_file(content)
        preview_file(content, layout)
    except UnreadableFile as error:
        raise UnreadableFile(error.message, fields={"file": [error.message]}) from error
    source = Import(
        workspace=workspace,
        file_name=(file.name or "contacts.csv").replace("\\", "/").rpartition("/")[2][:255],
        total_bytes=file.size,
        created_by=created_by,
        created_at=clock.now(),
        encoding=layout.encoding,
        delimiter=layout.delimiter,
        has_header=layout.has_header,
        date_order=layout.date_order,
        decimal_comma=layout.decimal_comma,
    )
    source.file.save("contacts.csv", file, save=False)
    source.save()
    return source


def layout_of(source: Import) -> Layout:
    """Return how the import's file is laid out, as found or as corrected."""
    return Layout(source.encoding, source.delimiter, source.has_header, source.date_order, source.decimal_comma)


def preview_of(source: Import) -> Preview:
    """Return the columns and the first rows of the import's file.  Raises UnreadableFile, also when the file is gone."""
    try:
        with source.file.storage.open(source.file.name or "", "rb") as file:
            return preview_file(cast("BinaryIO", file.file), layout_of(source))
    except (FileNotFoundError, ValueError) as error:
        raise UnreadableFile("The file of this import is no longer there.") from error


def reread_import(source: Import, **changes: Any) -> Import:
    """Correct the layout of a file that waits for its mapping.

    Takes encoding, delimiter, has_header, date_order and decimal_comma. Raises InvalidInput for a value there isn't,
    UnreadableFile when the file can't be read like that, ContactsError once the import has begun.
    """
    allowed: dict[str, set[Any]] = {
        "encoding": set(ENCODINGS),
        "delimiter": set(DELIMITERS),
        "has_header": {True, False},
        "date_order": set(Import.DateOrder.values),
        "decimal_comma": {True, False},
    }
    for name, value in changes.items():
        if name not in allowed or value not in allowed[name]:
            raise InvalidInput(
                f"{value!r} is no {name.replace('_', ' ')}.", fields={name: ["Choose one of the options."]}
            )
        setattr(source, name, value)
    preview_of(source)
    if not Import.objects.filter(pk=source.pk, status=Status.UPLOADED).update(**changes):
        raise ContactsError("This import has already begun.")
    return source


@transaction.atomic
def map_import(
    source: Import, *, mapping: Mapping[str, str], list_: List | None = None, update_existing: bool = True
) -> Import:
    """Say which column goes where and queue the import.

    `mapping` as in `contacts.imports.mapping`. Raises InvalidInput for a mapping that doesn't work, ContactsError when the
    import has already begun.
    """
    if list_ is not None and list_.workspace_id != source.workspace_id:
        raise InvalidInput("There is no such list.", fields={"list": ["There is no such list."]})
    width = len(preview_of(source).columns)
    fields = {field.key: field for field in selectors.fields_in(source.workspace)}
    try:
        checked = check_mapping(mapping, width=width, fields=fields)
    except ValueError as error:
        raise InvalidInput(str(error), fields={"mapping": [str(error)]}) from error
    queued = Import.objects.filter(pk=source.pk, status=Status.UPLOADED).update(
        mapping=checked,
        list=list_,
        update_existing=update_existing,
        status=Status.QUEUED,
        progressed_at=clock.now(),
    )
    if not queued:
        raise ContactsError("This import has already begun.")
    transaction.on_commit(lambda: _enqueue(source.pk))
    source.refresh_from_db()
    return source


def _enqueue(import_id: int) -> None:
    from contacts.tasks import run_import as task

    # Without a broker the import waits for beat, which looks for queued ones.
    with contextlib.suppress(task.OperationalError):
        task.delay(import_id)


def cancel_import(source: Import) -> Import:
    """Stop an import; the chunks committed so far stay.  Raises ContactsError when it has ended already."""
    waiting = [Status.UPLOADED, Status.QUEUED, Status.RUNNING]
    stopped = Import.objects.filter(pk=source.pk, status__in=waiting).update(
        status=Status.CANCELLED, finished_at=clock.now()
    )
    source.refresh_from_db()
    if not stopped:
        raise ContactsError(f"This import can't be cancelled any more: it is {source.get_status_display().lower()}.")
    _forget(source)
    return source


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
                    _enqueue(source.pk)
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
    if source.has_header:
        columns = [cell.strip() or f"Column {number}" for number, cell in enumerate(first.cells, start=1)]
    else:
        columns = preview_of(source).columns
        records = itertools.chain([first], records)
    fields = {field.key: field for field in selectors.fields_in(source.workspace)}
    mapping = {
        column: target
        for column, target in source.mapping.items()
        if target in TARGETS or target.removeprefix(FIELD_PREFIX) in fields  # a field may have been deleted meanwhile
    }
    return RowParser(mapping, columns=columns, fields=fields, formats=formats_of(source)), records


@transaction.atomic
def _commit_chunk(source: Import, chunk: Chunk, *, position: int, alone: bool) -> bool:
    """Merge a chunk and move the import on, in one transaction; False when somebody else has moved or stopped it."""
    now = clock.now()
    current = Import.objects.select_for_update().filter(pk=source.pk, status=Status.RUNNING, processed=source.processed)
    if not current.values_list("pk", flat=True).first():
        return False
    merged = merge_rows(source, chunk.rows.values(), now=now, alone=alone)
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
    ended = Import.objects.filter(pk=source.pk, status=Status.RUNNING)
    if ended.update(status=status, error=error, finished_at=now, progressed_at=now):
        if status == Status.COMPLETED:
            Import.objects.filter(pk=source.pk).update(processed_bytes=F("total_bytes"))
        _forget(source)


def _forget(source: Import) -> None:
    """Drop what only a running import needs: the file (it holds personal data) and the contacts it has touched."""
    ImportedContact.objects.filter(source=source).delete()
    if source.file:
        source.file.delete(save=False)
        Import.objects.filter(pk=source.pk).update(file="")


def resume_imports() -> int:
    """Queue the imports whose worker has died or whose task was lost; return how many."""
    since = clock.now() - STALLED
    unfinished = Import.objects.filter(status__in=[Status.QUEUED, Status.RUNNING])
    stalled = unfinished.filter(Q(progressed_at=None) | Q(progressed_at__lt=since))
    ids = list(stalled.values_list("pk", flat=True)[:100])
    for import_id in ids:
        _enqueue(import_id)
    return len(ids)


def clean_imports() -> int:
    """Cancel uploads that have waited for their mapping for a week, and delete their files; return how many."""
    waiting = Import.objects.filter(status=Status.UPLOADED, created_at__lt=clock.now() - KEEP_UNMAPPED)
    cancelled = 0
    for source in waiting[:500]:
        with contextlib.suppress(ContactsError):
            cancel_import(source)
            cancelled += 1
    return cancelled
