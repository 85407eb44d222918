"""Tags: short words that are stuck on contacts, the same in any case."""

import re
from collections.abc import Iterable

from contacts.exceptions import BadValueError
from contacts.values import text_value

MAX_TAG = 60
MAX_TAGS = 100
_SEPARATORS = re.compile(r"[,;|\n]")


def clean_tag(raw: object) -> str:
    """Return a tag as it is kept: in small letters, with single blanks.  Raises BadValueError."""
    text = " ".join((text_value(raw) or "").casefold().split())
    if not text:
        raise BadValueError("A tag is a word.")
    if _SEPARATORS.search(text):
        raise BadValueError("A tag has no comma, semicolon or bar.")
    if len(text) > MAX_TAG:
        raise BadValueError(f"A tag has at most {MAX_TAG} characters.")
    return text


def clean_tags(raw: object) -> list[str]:
    """Return tags, each once and in their order, of a list or of a text with commas, semicolons or bars.  Raises BadValueError."""
    if raw is None:
        return []
    if not isinstance(raw, str | list | tuple):
        raise BadValueError("Tags are given as a list of words.")
    parts: Iterable[object] = _SEPARATORS.split(raw) if isinstance(raw, str) else raw
    tags = sorted({clean_tag(part) for part in parts if not isinstance(part, str) or part.strip()})
    if len(tags) > MAX_TAGS:
        raise BadValueError(f"A contact has at most {MAX_TAGS} tags.")
    return tags
