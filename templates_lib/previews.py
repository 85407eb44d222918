"""A mail as it would look: compiled, linted and rendered for one person, with every problem in its place."""

import re
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.core.cache import cache

from core.exceptions import NotFound
from team.models import Workspace
from templates_lib import samples
from templates_lib.content import Content
from templates_lib.rendering import (
    CompiledEmail,
    Problem,
    Rendered,
    RenderError,
    TemplateError,
    compile_email,
    lint_email,
)

KEPT_SECONDS = 3600

_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_LIGHT = re.compile(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Preview:
    """The outcome: `rendered` is None when the mail can't be made; then `problems` holds the errors."""

    rendered: Rendered | None
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        """The problems that keep the mail from being made."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """The problems that a mail can be sent with."""
        return [problem for problem in self.problems if problem.severity == "warning"]


@lru_cache(maxsize=128)
def compiled(content: Content) -> CompiledEmail:
    """Return the content compiled; kept, since previews and cards ask again and again.  Raises TemplateError."""
    return compile_email(
        format=content.format,
        subject=content.subject,
        preheader=content.preheader,
        source=content.source,
        text_source=content.text_source,
    )


def check(content: Content) -> CompiledEmail:
    """Return the compiled mail.  Raises TemplateError with every problem."""
    return compiled(content)


def lint(content: Content, workspace: Workspace) -> list[Problem]:
    """Return the warnings for a content that compiles, unknown merge fields included."""
    known = {merge_field.key.partition(".")[0] for merge_field in samples.merge_fields(workspace)}
    return lint_email(compiled(content), known_fields=known)


def preview(content: Content, workspace: Workspace, context: dict[str, Any]) -> Preview:
    """Return the mail rendered with a context, or what is wrong with it."""
    try:
        mail = compiled(content)
    except TemplateError as error:
        return Preview(None, error.problems)
    warnings = lint(content, workspace)
    try:
        return Preview(mail.render(context), warnings)
    except RenderError as error:
        return Preview(None, [error.problem, *warnings])


def keep(workspace: Workspace, html: str) -> str:
    """Keep a rendered preview for an hour and return the key of its URL."""
    key = secrets.token_urlsafe(16)
    cache.set(_name(workspace, key), html, KEPT_SECONDS)
    return key


def kept(workspace: Workspace, key: str) -> str:
    """Return a kept preview.  Raises NotFound when it is over, or another workspace's."""
    html = cache.get(_name(workspace, key))
    if html is None:
        raise NotFound("This preview is over; change something to make a new one.")
    return str(html)


def in_the_dark(html: str) -> str:
    """Return the mail as a mail program in dark mode shows it: its rules for dark mode always apply."""
    return _LIGHT.sub("(max-width:0)", _DARK.sub("(min-width:0)", html))


def _name(workspace: Workspace, key: str) -> str:
    return f"templates:preview:{workspace.pk}:{key}"
