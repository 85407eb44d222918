"""What changed between two versions, line by line."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from templates_lib.content import Content, content_of
from templates_lib.models import TemplateVersion

FIELDS = {
    "format": "Format",
    "subject": "Subject",
    "preheader": "Preheader",
    "source": "Source",
    "text_source": "Plain text",
}
CONTEXT_LINES = 3
# difflib compares each with each in the worst case; past this a change is shown as all removed, all added.
MAX_LINES = 4_000

Kind = Literal["same", "removed", "added", "gap"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison; `before` and `after` are its numbers on either side, 0 where it isn't."""

    kind: Kind
    text: str = ""
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs."""

    label: str
    lines: list[Line]

    @property
    def added(self) -> int:
        """The number of lines that came."""
        return sum(line.kind == "added" for line in self.lines)

    @property
    def removed(self) -> int:
        """The number of lines that went."""
        return sum(line.kind == "removed" for line in self.lines)


def compare(before: TemplateVersion | Content, after: TemplateVersion | Content) -> list[Change]:
    """Return the fields that differ between two contents."""
    first = content_of(before) if isinstance(before, TemplateVersion) else before
    second = content_of(after) if isinstance(after, TemplateVersion) else after
    return [
        Change(label, list(_lines(getattr(first, name), getattr(second, name))))
        for name, label in FIELDS.items()
        if _normal(getattr(first, name)) != _normal(getattr(second, name))
    ]


def same(before: TemplateVersion | Content, after: TemplateVersion | Content) -> bool:
    """Tell whether two contents are the same but for the kind of their line ends."""
    return not compare(before, after)


def _normal(text: str) -> str:
    return text.replace("\r\n", "\n")


def _lines(before: str, after: str) -> Iterator[Line]:
    old, new = _normal(before).split("\n"), _normal(after).split("\n")
    if max(len(old), len(new)) > MAX_LINES:
        yield from (Line("removed", text, number) for number, text in enumerate(old, 1))
        yield from (Line("added", text, 0, number) for number, text in enumerate(new, 1))
        return
    groups = SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(CONTEXT_LINES)
    for index, group in enumerate(groups):
        if index:
            yield Line("gap")
        for operation, old_from, old_to, new_from, new_to in group:
            if operation == "equal":
                yield from (
                    Line("same", old[old_from + step], old_from + step + 1, new_from + step + 1)
                    for step in range(old_to - old_from)
                )
                continue
            yield from (Line("removed", old[at], at + 1) for at in range(old_from, old_to))
            yield from (Line("added", new[at], 0, at + 1) for at in range(new_from, new_to))
