"""Imports: from an uploaded file to a mapped, queued import. `import_runs` then runs it."""

import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, BinaryIO, cast

from django.core.files import File
from django.db import transaction

from contacts import selectors
from contacts.exceptions import ContactsError, UnreadableFile
from contacts.imports.encodings import ENCODINGS
from contacts.imports.files import preview_of
from contacts.imports.layout import DELIMITERS, inspect_file, preview_file
from contacts.imports.mapping import FIELD_PREFIX, NEW_PREFIX, check_mapping, guess_mapping, resolve_mapping
from contacts.models import Import, List
from contacts.services.fields import create_field
from contacts.services.import_runs import delete_file, enqueue_import, forget_working_data
from contacts.services.lists import create_list
from core import clock
from core.exceptions import InvalidInput
from team.models import User, Workspace

MAX_BYTES = 1024**3
KEEP_UNMAPPED = timedelta(days=7)
KEEP_ENDED = timedelta(hours=1)

BEGUN = "This import has already begun."

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
    if source.status != Status.UPLOADED:
        raise ContactsError(BEGUN)
    preview_of(source)
    if not Import.objects.filter(pk=source.pk, status=Status.UPLOADED).update(**changes):
        raise ContactsError(BEGUN)
    return source


@transaction.atomic
def map_import(
    source: Import,
    *,
    mapping: Mapping[str, str],
    list_: List | None = None,
    new_list: str = "",
    update_existing: bool = True,
) -> Import:
    """Say which column goes where and queue the import.

    `mapping` as in `contacts.imports.mapping`; a target "new:number" makes a custom field of that type, named for the column.
    `new_list` makes a list of this name. Raises InvalidInput for a mapping that doesn't work, ContactsError when the import
    has already begun; then nothing is made.
    """
    waiting = Import.objects.filter(pk=source.pk, status=Status.UPLOADED)
    if not waiting.select_for_update().exists():
        raise ContactsError(BEGUN)
    if list_ is not None and list_.workspace_id != source.workspace_id:
        raise InvalidInput("There is no such list.", fields={"list": ["There is no such list."]})
    columns = preview_of(source).columns
    targets = {column: _made_field(source, columns, column, target) for column, target in mapping.items()}
    fields = {field.key: field for field in selectors.fields_in(source.workspace)}
    try:
        checked = check_mapping(targets, width=len(columns), fields=fields)
    except ValueError as error:
        raise InvalidInput(str(error), fields={"mapping": [str(error)]}) from error
    if new_list:
        list_ = create_list(workspace=source.workspace, name=new_list)
    waiting.update(
        columns=columns,
        mapping=checked,
        list=list_,
        update_existing=update_existing,
        status=Status.QUEUED,
        progressed_at=clock.now(),
    )
    transaction.on_commit(lambda: enqueue_import(source.pk))
    source.refresh_from_db()
    return source


def _made_field(source: Import, columns: list[str], column: str, target: str) -> str:
    if not target.startswith(NEW_PREFIX):
        return target
    if not column.isdigit() or int(column) >= len(columns):
        raise InvalidInput(
            f"The file has no column {column}.", fields={"mapping": [f"The file has no column {column}."]}
        )
    label = columns[int(column)][:100]
    try:
        field = create_field(workspace=source.workspace, label=label, type_=target.removeprefix(NEW_PREFIX))
    except InvalidInput as error:
        message = f"No field can be made of the column “{label}”: {error.message}"
        raise InvalidInput(message, fields={"mapping": [message]}) from error
    return f"{FIELD_PREFIX}{field.key}"


def import_file(
    *,
    workspace: Workspace,
    file: "File[bytes]",
    mapping: Mapping[str, str] | None = None,
    list_: List | None = None,
    new_list: str = "",
    update_existing: bool = True,
    created_by: User | None = None,
    **layout: Any,
) -> Import:
    """Upload, map and queue in one step, for programs.

    `mapping` may name columns by header or number and custom fields by key; without one it is guessed. `layout` corrects
    what was found out about the file, as in `reread_import`. What is refused leaves nothing behind.
    """
    source = start_import(workspace=workspace, file=file, created_by=created_by)
    try:
        if layout:
            source = reread_import(source, **layout)
        preview = preview_of(source)
        fields = list(selectors.fields_in(workspace))
        if mapping is None:
            mapping = guess_mapping(preview, fields)
        else:
            mapping = resolve_mapping(mapping, preview.columns, {field.key for field in fields})
        return map_import(source, mapping=mapping, list_=list_, new_list=new_list, update_existing=update_existing)
    except Exception:
        source.file.delete(save=False)
        source.delete()
        raise


@transaction.atomic
def cancel_import(source: Import) -> Import:
    """Stop an import; the chunks committed so far stay.  Raises ContactsError when it has ended already."""
    waiting = [Status.UPLOADED, Status.QUEUED, Status.RUNNING]
    stopped = Import.objects.filter(pk=source.pk, status__in=waiting).update(
        status=Status.CANCELLED, finished_at=clock.now()
    )
    source.refresh_from_db()
    if not stopped:
        raise ContactsError(f"This import can't be cancelled any more: it is {source.get_status_display().lower()}.")
    forget_working_data(source)
    return source


def clean_imports() -> int:
    """Cancel uploads that have waited for their mapping for a week and delete files that nobody needs any more.

    Returns how many imports had something to clean.
    """
    now = clock.now()
    waiting = list(Import.objects.filter(status=Status.UPLOADED, created_at__lt=now - KEEP_UNMAPPED)[:500])
    for source in waiting:
        with contextlib.suppress(ContactsError):
            cancel_import(source)
    ended = Import.objects.filter(finished_at__lt=now - KEEP_ENDED).exclude(file="")
    left = list(ended[:500])
    for source in left:
        delete_file(source)
    return len(waiting) + len(left)
