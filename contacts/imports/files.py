"""The stored file of an import."""

from typing import BinaryIO, cast

from contacts.exceptions import UnreadableFile
from contacts.imports.layout import Layout, Preview, preview_file
from contacts.models import Import


def layout_of(source: Import) -> Layout:
    """Return how the import's file is laid out, as found or as corrected."""
    return Layout(source.encoding, source.delimiter, source.has_header, source.date_order, source.decimal_comma)


def preview_of(source: Import) -> Preview:
    """Return the columns and the first rows of the import's file.  Raises UnreadableFile, also when the file is gone."""
    gone = "The file of this import is no longer there."
    if not source.file:
        raise UnreadableFile(gone)
    try:
        with source.file.storage.open(source.file.name or "", "rb") as file:
            return preview_file(cast("BinaryIO", file.file), layout_of(source))
    except FileNotFoundError as error:
        raise UnreadableFile(gone) from error
