"""Compiling a mail once and rendering it for each recipient."""

import re
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from liquid.exceptions import LiquidError

from templates_lib.rendering import filters, links, text
from templates_lib.rendering.blocks import unbalanced
from templates_lib.rendering.environment import (
    MAX_SECONDS,
    OutOfTimeError,
    RenderState,
    SafeEnvironment,
    SafeTemplate,
    plain,
)
from templates_lib.rendering.html import LiquidMovedError, check_html, inline_css, insert_in_body, prelude_end
from templates_lib.rendering.mjml import mjml_to_html
from templates_lib.rendering.problems import Part, Positions, Problem, RenderError, TemplateError
from templates_lib.rendering.programs import Encoding, Plan, Program, TooLargeError, encode
from templates_lib.rendering.scanner import Masked, UnclosedTagError

Format = Literal["mjml", "html", "text"]
Link = Callable[[int, str], str]

MAX_SOURCE = 500_000
MAX_LINE = 2_000

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ue000\ud800-\udfff]")
_HEADER_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


def _environment(*, autoescape: bool, internal: bool) -> SafeEnvironment:
    environment = SafeEnvironment(autoescape=autoescape)
    if internal:
        for tag in (links.LinkTag, links.PixelTag, links.PreheaderTag):
            environment.add_tag(tag)
    return environment


# What authors write is checked without our own tags, so that they can't be used by hand.
_AUTHOR = _environment(autoescape=True, internal=False)
_HTML = _environment(autoescape=True, internal=True)
_TEXT = _environment(autoescape=False, internal=True)
_TEXT_OF_HTML = _environment(autoescape=False, internal=True)
for _name in ("escape", "escape_once", "newline_to_br"):
    _TEXT_OF_HTML.add_filter(_name, filters.unchanged)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail for one recipient: `subject` and `preheader` are single lines; `html` is empty for plain text mail."""

    subject: str
    preheader: str
    html: str
    text: str


@dataclass(frozen=True)
class CompiledEmail:
    """A mail ready to be rendered; make it with `compile_email`.  Immutable and safe to share between threads."""

    format: Format
    subject: str
    preheader: str
    source: str
    text_source: str
    links: list[str]
    fields: frozenset[str]
    html_size: int
    parts: Mapping[Part, SafeTemplate]
    """Liquid by part; `text_source` is the plain text, `source` the HTML."""
    tidies_text: bool

    def render(
        self,
        context: Mapping[str, Any],
        *,
        link: Link | None = None,
        pixel_url: str = "",
        trap_url: str = "",
    ) -> Rendered:
        """Return the mail for one context of plain JSON values.

        `link(index, url)` is called once per link and rendered URL and returns the URL to put in its place; never for
        mailto:, tel:, fragments or the system's own pages.  Raises RenderError.
        """
        state = RenderState(link=link, pixel_url=pixel_url, trap_url=trap_url)
        return Rendering(self, _plain(context), state).finish()

    def begin(
        self,
        values: Mapping[str, Any],
        *,
        link: Link | None = None,
        clean_links: bool = False,
        pixel_url: str = "",
        trap_url: str = "",
    ) -> "Rendering":
        """Return the beginning of what `render` does, for callers that take the parts one by one.

        `values` must be plain already (`environment.plain`).  With `clean_links` all that `link` returns is
        `is_clean_link`.  Raises RenderError.
        """
        return Rendering(self, values, RenderState(link, clean_links, pixel_url, trap_url))

    def empty_fields(self, context: Mapping[str, Any]) -> set[str]:
        """Return the merge fields that come out empty where no default is given.

        Renders all parts, so it also raises RenderError: a check needs this one call.
        """
        state = RenderState(fields=self.fields, empty_fields=set())
        Rendering(self, _plain(context), state).finish()
        return state.empty_fields or set()

    def encoded(self, part: Part, encoding: Encoding) -> Program | None:
        """Return a part as a program that writes octets, made when it is first asked for; None where none can be made."""
        key = (part, encoding)
        if key not in self._encoded:
            plan = self.plans.get(part)
            made = None
            with suppress(TooLargeError):
                if plan is not None:
                    made = encode(plan, encoding, tidied=part == "text_source" and self.tidies_text)
            self._encoded[key] = made
        return self._encoded[key]

    def static_text(self, part: Part) -> str:
        """Return the text of a part that depends on no value, of every branch; nothing if it can't be compiled."""
        return self.plans[part].static_text if part in self.plans else ""

    @cached_property
    def _encoded(self) -> dict[tuple[Part, Encoding], Program | None]:
        return {}

    def render_part(self, part: Part, values: Mapping[str, Any], state: RenderState) -> str:
        """Return a part for plain values, not yet tidied.  Raises RenderError."""
        program = (self._programs if state.empty_fields is None else self._noting_programs).get(part)
        if program is not None and (written := self.run(program, part, values, state)) is not None:
            return written
        state.deadline = time.perf_counter() + MAX_SECONDS
        state.uncompiled = True
        try:
            return self.parts[part].render_state(values, state)
        except LiquidError as error:
            raise self._render_error(error, part) from error
        except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
            raise RenderError(str(error) or type(error).__name__, part) from error

    def run(self, program: Program, part: Part, values: Mapping[str, Any], state: RenderState) -> str | None:
        """Return what a program of a part writes, or None where another way has to be taken.  Raises RenderError."""
        state.deadline = time.perf_counter() + MAX_SECONDS
        try:
            return program.run(values, state)
        except OutOfTimeError as error:
            raise self._render_error(error, part) from error
        except Exception:  # noqa: BLE001 - whatever it is, python-liquid finds it too, and says where
            return None

    def _render_error(self, error: LiquidError, part: Part) -> RenderError:
        message = _sentence(error)
        # The text part made from the HTML has its faults in the source.
        if part == "text_source" and (self.format == "text" or self.tidies_text):
            part = "source"
        if error.token is None or error.token.start_index < 0:
            return RenderError(message, part)
        offset = self._author_offset(error.token.source, error.token.start_index, part)
        line, column = Positions(getattr(self, part)).at(offset) if offset is not None else (0, 0)
        return RenderError(message, part, line=line, column=column)

    def _author_offset(self, compiled: str, offset: int, part: Part) -> int | None:
        """Find in the author's source what stands at an offset of the compiled one: Liquid is kept verbatim."""
        for span in Masked(compiled).spans:
            if span.start <= offset < span.end:
                found: int = getattr(self, part).find(compiled[span.start : span.end])
                return found + (offset - span.start) if found >= 0 else None
        return None

    @cached_property
    def plans(self) -> Mapping[Part, Plan]:
        """What each part does, for programs; made when it is first asked for.  Parts too large to compile are left out."""
        return self._plans()

    def _plans(self, noted: Collection[str] = ()) -> Mapping[Part, Plan]:
        plans: dict[Part, Plan] = {}
        for part, template in self.parts.items():
            with suppress(TooLargeError):
                plans[part] = Plan(template, noted)
        return plans

    @property
    def fallbacks(self) -> list[str]:
        """What python-liquid renders in this mail because the compiler can't, as "part: what"; empty as a rule."""
        found = [f"{part}: {name}" for part, plan in self.plans.items() for name in plan.fallbacks]
        return found + [f"{part}: all of it" for part in self.parts if part not in self._programs]

    @cached_property
    def _programs(self) -> Mapping[Part, Program]:
        return self._programs_of(self.plans)

    @cached_property
    def _noting_programs(self) -> Mapping[Part, Program]:
        return self._programs_of(self._plans(self.fields))

    def _programs_of(self, plans: Mapping[Part, Plan]) -> Mapping[Part, Program]:
        programs: dict[Part, Program] = {}
        for part, plan in plans.items():
            with suppress(TooLargeError):
                programs[part] = plan.program()
        return programs

    @cached_property
    def masked_source(self) -> Masked:
        """The author's source, for lint."""
        return Masked(self.source)


class Rendering:
    """One mail for plain values: `subject` and `preheader` are made at once, the other parts when they are asked for."""

    def __init__(self, compiled: CompiledEmail, values: Mapping[str, Any], state: RenderState) -> None:
        self._values = values
        self._compiled = compiled
        self._state = state
        state.untracked = frozenset([str(url) for name in links.SYSTEM_URLS if (url := values.get(name))])
        self.subject = header_line(compiled.render_part("subject", values, state))
        self.preheader = header_line(compiled.render_part("preheader", values, state)) if compiled.preheader else ""
        state.preheader = self.preheader

    @property
    def uncompiled(self) -> bool:
        """Whether python-liquid rendered any of what has been asked for."""
        return self._state.uncompiled

    def part(self, part: Literal["source", "text_source"]) -> str:
        """Return the HTML or the plain text.  Raises RenderError."""
        written = self._compiled.render_part(part, self._values, self._state)
        return text.tidy(written) if part == "text_source" and self._compiled.tidies_text else written

    def octets(self, part: Literal["source", "text_source"], encoding: Encoding) -> str | None:
        """Return a part written by an encoding, or None if `part` has to be encoded as a whole.  Raises RenderError."""
        program = self._compiled.encoded(part, encoding)
        return None if program is None else self._compiled.run(program, part, self._values, self._state)

    def finish(self) -> Rendered:
        """Return the whole mail.  Raises RenderError."""
        html = self.part("source") if self._compiled.format != "text" else ""
        return Rendered(self.subject, self.preheader, html, self.part("text_source"))


def compile_email(
    *,
    format: Format | str,  # noqa: A002
    subject: str,
    preheader: str = "",
    source: str,
    text_source: str = "",
) -> CompiledEmail:
    """Return a mail compiled from its sources: MJML or HTML or plain text (then `text_source` isn't used).

    Raises TemplateError with every problem found, each with its part, line and column.
    """
    if format not in {"mjml", "html", "text"}:
        raise TemplateError([Problem("source", 1, 1, f"“{format}” is not a format: mjml, html or text.")])
    sources: dict[Part, str] = {"subject": subject, "preheader": preheader, "source": source}
    if format != "text":
        sources["text_source"] = text_source
    problems = [problem for part, value in sources.items() for problem in _check(part, value)]
    if problems:
        raise TemplateError(problems)
    index = links.LinkIndex()
    compiled: dict[Part, SafeTemplate] = {
        "subject": _TEXT.parse_safely(subject),
        "preheader": _TEXT.parse_safely(preheader),
    }
    html_size = 0
    own_text = text_source.strip() != ""
    if format == "text":
        compiled["text_source"] = _parse(_TEXT, links.wrap_text_links(source, index))
    else:
        parts = _html_and_text(format, source, index, drop_preview=bool(preheader.strip()))
        html_size = parts.size
        compiled["source"] = _parse(_HTML, parts.html)
        plain_text = links.wrap_text_links(text_source, index) if own_text else parts.text
        compiled["text_source"] = _parse(_TEXT if own_text else _TEXT_OF_HTML, plain_text)
    return CompiledEmail(
        format=format,
        subject=subject,
        preheader=preheader,
        source=source,
        text_source="" if format == "text" else text_source,
        links=index.hrefs,
        fields=frozenset(name for template in compiled.values() for name in _globals(template)),
        html_size=html_size,
        parts=compiled,
        tidies_text=format != "text" and not own_text,
    )


def _plain(context: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        values: Mapping[str, Any] = plain(context)
    except TypeError as error:
        raise RenderError(f"The data can't be used: {error}.", "source") from error
    return values


def header_line(value: str) -> str:
    """Return a text as one line fit for a header: no CR, LF or other control character survives (RFC 5322, 2.2)."""
    if value.isascii() and value.isprintable():
        return " ".join(value.split()) if "  " in value else value.strip()
    return " ".join(_HEADER_CONTROLS.sub(" ", value).split())


class _Parts(NamedTuple):
    """Liquid of the two parts of a mail, and the bytes of its HTML without what is added for tracking."""

    html: str
    text: str
    size: int


def _html_and_text(format_: str, source: str, index: links.LinkIndex, *, drop_preview: bool) -> _Parts:
    try:
        prelude, html = _to_html(format_, source, drop_preview=drop_preview)
        linked = links.wrap_html_links(html, index)
        plain_text = text.text_from_html(html, index, divs_are_paragraphs=format_ == "mjml")
        whole = insert_in_body(linked, at_start=f"{{% {links.PREHEADER_TAG} %}}", at_end=f"{{% {links.PIXEL_TAG} %}}")
    except UnclosedTagError as error:
        message = "Braces that stand apart here come together in the mail; write them as {% raw %}{{% endraw %}."
        at = max(source.find("{"), 0)
        raise TemplateError([Problem("source", *Positions(source).at(at), message)]) from error
    return _Parts(prelude + whole, prelude + plain_text, len(html.encode()))


def _to_html(format_: str, source: str, *, drop_preview: bool) -> tuple[str, str]:
    """Return what comes before the document (assignments and captures) and the document."""
    masked = Masked(source)
    if format_ == "mjml":
        prelude, html = mjml_to_html(masked, drop_preview=drop_preview)
    else:
        positions = Positions(source)
        problems = [Problem("source", *positions.at(offset), message) for offset, message in check_html(masked.text)]
        if problems:
            raise TemplateError(problems)
        start = prelude_end(masked)
        prelude, html = source[:start].strip(), source[start:]
    try:
        return prelude, inline_css(html)
    except LiquidMovedError as error:
        where = Positions(source).at(max(source.find(error.liquid), 0))
        raise TemplateError([Problem("source", *where, str(error))]) from error
    except ValueError as error:
        raise TemplateError([Problem("source", 1, 1, f"The CSS can't be read: {error}.")]) from error


def _check(part: Part, value: str) -> list[Problem]:
    """Return what is wrong with the Liquid, size or characters of one part."""
    limit = MAX_SOURCE if part in {"source", "text_source"} else MAX_LINE
    if len(value) > limit:
        return [Problem(part, 1, 1, f"This is {len(value):,} characters long; at most {limit:,} are allowed.")]
    positions = Positions(value)
    if control := _CONTROL.search(value):
        message = f"The character U+{ord(control.group()):04X} can't be used in mail; is the encoding right?"
        return [Problem(part, *positions.at(control.start()), message)]
    if part == "source" and not value.strip():
        return [Problem(part, 1, 1, "The template is empty.")]
    try:
        spans = Masked(value).spans
    except UnclosedTagError as error:
        return [Problem(part, *positions.at(error.offset), error.message)]
    problems = [Problem(part, *positions.at(offset), message) for offset, message in unbalanced(spans)]
    if problems:
        return problems
    try:
        _AUTHOR.parse_safely(value)
    except LiquidError as error:
        return [_problem(part, error, value)]
    return []


def _parse(environment: SafeEnvironment, source: str) -> SafeTemplate:
    """Parse what was compiled from a checked source; a fault here means that its Liquid was torn apart."""
    try:
        return environment.parse_safely(source)
    except LiquidError as error:
        message = f"This can't be compiled: {_sentence(error)}"
        raise TemplateError([Problem("source", 1, 1, message)]) from error


def _problem(part: Part, error: LiquidError, source: str) -> Problem:
    offset = error.token.start_index if error.token is not None and error.token.start_index >= 0 else 0
    return Problem(part, *Positions(source).at(min(offset, len(source))), _sentence(error))


def _sentence(error: LiquidError) -> str:
    message = str(error.message or error.__class__.__name__)
    known = re.fullmatch(r"unexpected tag '(\w+)'", message)
    if known:
        return f"There is no tag “{known.group(1)}”."
    known = re.fullmatch(r"unknown filter '(\w+)'", message)
    if known:
        return f"There is no filter “{known.group(1)}”."
    return message[:1].upper() + message[1:] + ("" if message.endswith(".") else ".")


def _globals(template: SafeTemplate) -> set[str]:
    analysis = template.analyze(include_partials=False)
    return set(analysis.globals)
