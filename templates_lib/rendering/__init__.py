"""Templates to mail: Liquid, MJML, CSS, links and the plain text part.  Pure: no Django, no files, no network."""

from templates_lib.rendering.compiled import CompiledEmail, Format, Rendered, Rendering, compile_email
from templates_lib.rendering.environment import plain
from templates_lib.rendering.links import SYSTEM_FIELDS, SYSTEM_URLS, is_clean_link
from templates_lib.rendering.lint import lint_email
from templates_lib.rendering.problems import Part, Problem, RenderError, TemplateError
from templates_lib.rendering.programs import Encoding

__all__ = [
    "SYSTEM_FIELDS",
    "SYSTEM_URLS",
    "CompiledEmail",
    "Encoding",
    "Format",
    "Part",
    "Problem",
    "RenderError",
    "Rendered",
    "Rendering",
    "TemplateError",
    "compile_email",
    "is_clean_link",
    "lint_email",
    "plain",
]
