"""What a version may change of its email."""

from datetime import time
from typing import Any, Final

from abtests.models import Dimension
from templates_lib.models import TemplateVersion
from templates_lib.rendering import TemplateError, compile_email

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
