"""What a mail program, a spam filter or the law would mind: warnings, each with its place and a stable code."""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from templates_lib.rendering import markup
from templates_lib.rendering.compiled import CompiledEmail
from templates_lib.rendering.html import balance_warnings
from templates_lib.rendering.links import SYSTEM_FIELDS
from templates_lib.rendering.mjml import attribute_warnings
from templates_lib.rendering.problems import Part, Positions, Problem
from templates_lib.rendering.scanner import FILLER, Masked
from templates_lib.rendering.shielding import unescape_outside_liquid

# Gmail cuts a message off here.
CLIPPED_BYTES = 102 * 1024
LONG_SUBJECT = 60
LONG_PREHEADER = 130

_STRIPPED = frozenset({"script", "iframe", "form", "video", "audio", "object", "embed", "canvas"})
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:|#", re.IGNORECASE)
_LINKS = frozenset({"a", "area", "mj-button", "mj-image", "mj-navbar-link", "mj-social-element"})


def lint_email(compiled: CompiledEmail, *, known_fields: Collection[str] | None = None) -> list[Problem]:
    """Return the warnings for a compiled mail, in the order of its source.

    `known_fields` are the merge fields that exist in the workspace; None leaves them unchecked.
    """
    found = [
        *_envelope(compiled),
        *_footer(compiled),
        *_markup(compiled),
        *([] if known_fields is None else _fields(compiled, known_fields)),
    ]
    order: tuple[Part, ...] = ("subject", "preheader", "source", "text_source")
    return sorted(found, key=lambda problem: (order.index(problem.part), problem.line, problem.column))


def _warning(part: Part, position: tuple[int, int], code: str, message: str) -> Problem:
    return Problem(part, *position, message, code=code, severity="warning")


def _static_length(value: str) -> int:
    masked = Masked(value)
    return sum(len(text) for text, span in masked.segments(0, len(value)) if span is None)


def _envelope(compiled: CompiledEmail) -> Iterator[Problem]:
    if not compiled.subject.strip():
        yield _warning("subject", (1, 1), "subject-empty", "The subject is empty.")
    elif (length := _static_length(compiled.subject)) > LONG_SUBJECT:
        message = f"The subject has {length} characters; phones show about {LONG_SUBJECT}."
        yield _warning("subject", (1, 1), "subject-long", message)
    if _static_length(compiled.preheader) > LONG_PREHEADER:
        yield _warning(
            "preheader", (1, 1), "preheader-long", f"Inboxes show at most {LONG_PREHEADER} characters of it."
        )
    if compiled.html_size > CLIPPED_BYTES:
        message = f"The HTML is {compiled.html_size // 1024} kB; Gmail cuts mail off after 102 kB."
        yield _warning("source", (1, 1), "too-large", message)


def _footer(compiled: CompiledEmail) -> Iterator[Problem]:
    if "unsubscribeUrl" not in compiled.fields:
        message = "There is no unsubscribe link: add {{ unsubscribeUrl }} as the address of a link."
        yield _warning("source", (1, 1), "no-unsubscribe-link", message)
    if not re.search(r"workspace\s*\.\s*address", compiled.source + compiled.text_source):
        message = "There is no postal address, which the law asks for in marketing mail: add {{ workspace.address }}."
        yield _warning("source", (1, 1), "no-postal-address", message)


def _markup(compiled: CompiledEmail) -> Iterator[Problem]:
    if compiled.format == "text":
        return
    masked = compiled.masked_source
    positions = Positions(compiled.source)
    for token in markup.tokens(masked.text):
        if token.kind == "start":
            for offset, code, message in _element(token, masked):
                yield _warning("source", positions.at(offset), code, message)
    if compiled.format == "mjml":
        for offset, message in attribute_warnings(masked):
            yield _warning("source", positions.at(offset), "unknown-attribute", message)
    else:
        for offset, message in balance_warnings(masked.text):
            yield _warning("source", positions.at(offset), "unbalanced-html", message)


def _element(token: markup.Token, masked: Masked) -> Iterator[tuple[int, str, str]]:
    if token.name in {"img", "mj-image"} and token.attribute("alt") is None:
        yield token.start, "image-without-alt", "This image has no alt text: many readers never see images."
    if token.name in _STRIPPED and not _is_markup_for_gmail(token, masked):
        yield token.start, "unsupported-element", f"Mail programs remove or ignore <{token.name}>."
    href = token.attribute("href") if token.name in _LINKS else None
    if href is None:
        return
    written = unescape_outside_liquid(masked.source[href.value_start : href.value_end]).strip()
    if not written or written == "#":
        yield href.start, "link-empty", "This link leads nowhere."
    elif written.lower().startswith(("javascript:", "data:", "vbscript:")):
        yield href.start, "link-unsafe", "Links that run code are taken out."
    elif FILLER not in masked.text[href.value_start : href.value_start + 1] and not _SCHEME.match(written):
        yield href.start, "link-relative", "This link needs a whole address that begins with https://."


def _is_markup_for_gmail(token: markup.Token, masked: Masked) -> bool:
    kind = token.attribute("type")
    return kind is not None and masked.source[kind.value_start : kind.value_end] == "application/ld+json"


def _fields(compiled: CompiledEmail, known: Collection[str]) -> Iterator[Problem]:
    parts: dict[Part, str] = {
        "subject": compiled.subject,
        "preheader": compiled.preheader,
        "source": compiled.source,
        "text_source": compiled.text_source,
    }
    expected = {*known, *SYSTEM_FIELDS}
    for name in sorted(compiled.fields - expected):
        part, offset = _first_use(name, parts)
        matches = get_close_matches(name, list(expected), n=1, cutoff=0.6)
        hint = f" Did you mean “{matches[0]}”?" if matches else ""
        message = f"There is no merge field “{name}”: it comes out empty.{hint}"
        yield _warning(part, Positions(parts[part]).at(offset), "unknown-field", message)


def _first_use(name: str, parts: dict[Part, str]) -> tuple[Part, int]:
    use = re.compile(rf"(?<![\w.\"']){re.escape(name)}(?![\w])")
    for part, value in parts.items():
        for span in Masked(value).spans:
            if match := use.search(value, span.start, span.end):
                return part, match.start()
    return "source", 0
