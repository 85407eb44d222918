"""Paths into the JSON that sources send."""

from collections.abc import Mapping
from typing import Any


def found_at(document: Any, path: str) -> Any:
    """Return what stands at a path in JSON; None where nothing does."""
    for part in path.split("."):
        if isinstance(document, Mapping):
            document = document.get(part)
        elif isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document
