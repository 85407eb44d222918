"""Query parameters of the API's lists, checked: what can't be read is a 422, never ignored."""

from datetime import datetime

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.serializers import DateTimeField

from contacts.models import SuppressionReason

REASONS = tuple(SuppressionReason.values)
STATUSES = ("mailable", "suppressed", *REASONS)


def integer(request: Request, name: str) -> int | None:
    """Return the parameter as a number, None without it."""
    text = request.query_params.get(name, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValidationError({name: ["This must be the id of one."]})
    return int(text)


def moment(request: Request, name: str) -> datetime | None:
    """Return the parameter as a moment, None without it."""
    text = request.query_params.get(name, "")
    if not text:
        return None
    value: datetime
    try:
        value = DateTimeField().to_internal_value(text)
    except ValidationError as error:
        raise ValidationError({name: error.detail}) from error
    return value


def one_of(request: Request, name: str, allowed: tuple[str, ...]) -> str:
    """Return the parameter, "" without it."""
    text = request.query_params.get(name, "")
    if text and text not in allowed:
        raise ValidationError({name: [f"This must be one of {', '.join(allowed)}."]})
    return text
