"""What a version may change of its email."""

from datetime import time
from typing import Any, Final

from abtests.models import Dimension, Variant
from templates_lib.models import TemplateVersion
from templates_lib.rendering import TemplateError, compile_email

# The column of a variant that holds what it does differently.
COLUMNS: Final[dict[str, str]] = {
    Dimension.SUBJECT: "subject",
    Dimension.PREHEADER: "preheader",
    Dimension.CONTENT: "template_version",
    Dimension.FROM_NAME: "from_name",
    Dimension.SEND_TIME: "send_at",
}
LONGEST_LINE: Final = 500
LONGEST_NAME: Final = 150


def letter(position: int) -> str:
    """Return what a version at this place (from 0) is called: A, B, C …"""
    return "ABCDEFGH"[position]


def level_faults(dimension: str, value: Any, workspace_id: int) -> list[str]:
    """Return what is wrong with one way of a dimension, as sentences; empty if it can be kept (also where it is still empty)."""
    if dimension == Dimension.CONTENT:
        if value is not None and not (
            isinstance(value, TemplateVersion) and value.template.workspace_id == workspace_id
        ):
            return ["There is no such template."]
        return []
    if dimension == Dimension.SEND_TIME:
        return [] if value is None or isinstance(value, time) else ["Give a time of the day, as 09:30."]
    if not isinstance(value, str):
        return ["This must be text."]
    if dimension == Dimension.FROM_NAME:
        if len(value) > LONGEST_NAME or any(ord(sign) < 32 for sign in value):
            return [f"Give a name of up to {LONGEST_NAME} letters, in one line."]
        return []
    if len(value) > LONGEST_LINE:
        return [f"This must be up to {LONGEST_LINE} letters."]
    return _line_faults(dimension, value)


def _line_faults(dimension: str, value: str) -> list[str]:
    if "{" not in value:
        return []
    try:
        compile_email(format="text", source="-", **{"subject": "-", dimension: value})
    except TemplateError as error:
        return [f"Column {problem.column}: {problem.message}" for problem in error.problems]
    return []


def way_of(variant: Variant, dimension: str) -> Any:
    """Return what the version does differently in this dimension; empty or None: it is as in the email."""
    return getattr(variant, COLUMNS[dimension])
