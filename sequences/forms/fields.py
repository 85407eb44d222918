"""Fields that several kinds of steps need: a length of time, the properties of an event."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from django import forms
from django.utils.dateparse import parse_duration
from django.utils.duration import duration_iso_string

UNITS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
UNIT_CHOICES = [("minutes", "minutes"), ("hours", "hours"), ("days", "days"), ("weeks", "weeks")]
# Below four of them, weeks are said in days.
FEW_WEEKS = 4 * UNITS["weeks"]
NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,10})?\Z")


class LengthWidget(forms.MultiWidget):
    """A number and its unit side by side."""

    template_name = "sequences/forms/length.html"
    use_fieldset = False

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        widgets = (
            forms.NumberInput({"min": 1, "class": "form-control", "inputmode": "numeric"}),
            forms.Select({"class": "form-select", "aria-label": "Unit"}, choices=UNIT_CHOICES),
        )
        super().__init__(widgets, attrs)

    def id_for_label(self, id_: str, index: str | None = None) -> str:
        """The label is the number's; the unit has its own."""
        return f"{id_}_0" if id_ else id_

    def decompress(self, value: Any) -> list[Any]:
        """Show a duration in the largest unit that needs no fraction."""
        length = parse_duration(value) if isinstance(value, str) else value
        if not length:
            return [None, "days"]
        seconds = int(length.total_seconds())
        if seconds % 60:
            cast("forms.Select", self.widgets[1]).choices = [*UNIT_CHOICES, ("seconds", "seconds")]
        units = ((unit, size) for unit, size in UNITS.items() if seconds % size == 0)
        unit = next(unit for unit, size in units if unit != "weeks" or seconds >= FEW_WEEKS)
        return [seconds // UNITS[unit], unit]


class LengthField(forms.MultiValueField):
    """A length of time, cleaned to an ISO 8601 duration."""

    widget = LengthWidget

    def __init__(self, **kwargs: Any) -> None:
        parts = (
            forms.IntegerField(min_value=1, max_value=63_072_000, required=False),
            forms.ChoiceField(choices=[(unit, unit) for unit in UNITS], required=False),
        )
        super().__init__(parts, require_all_fields=False, **kwargs)

    def compress(self, data_list: list[Any]) -> str:
        """Return the duration, or nothing for an empty number."""
        if not data_list or not data_list[0]:
            return ""
        return duration_iso_string(timedelta(seconds=data_list[0] * UNITS[data_list[1] or "days"]))


class WhereField(forms.CharField):
    """Properties of an event, a line each: `plan = pro`."""

    widget = forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "placeholder": "plan = pro"})

    def prepare_value(self, value: Any) -> Any:
        """Show the properties as lines."""
        return (
            "\n".join(f"{name} = {_shown(item)}" for name, item in value.items())
            if isinstance(value, Mapping)
            else value
        )

    def clean(self, value: Any) -> dict[str, Any]:
        """Return the properties; numbers, true and false as such."""
        found: dict[str, Any] = {}
        for line in super().clean(value).splitlines():
            name, equals, text = line.partition("=")
            if not line.strip():
                continue
            if not equals or not name.strip():
                raise forms.ValidationError(f"Write it as “property = value”: “{line.strip()[:60]}”.")
            found[name.strip()] = _value(text.strip())
        return found


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if NUMBER.match(text):
        return float(text) if "." in text else int(text)
    return text.strip('"')


def length(value: Any) -> str:
    """Say a duration as people do: "2 days", "1 hour", "3 days and 4 hours"."""
    span = parse_duration(value) if isinstance(value, str) else value
    if not span:
        return "some time"
    rest, parts = int(span.total_seconds()), []
    for unit in ("days", "hours", "minutes", "seconds"):
        count, rest = divmod(rest, UNITS[unit])
        if count:
            parts.append(f"{count:,} {unit if count != 1 else unit[:-1]}")
    return " and ".join(parts[:2])
