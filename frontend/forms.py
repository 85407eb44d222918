"""Makes plain Django forms look right: ``FORM_RENDERER = "frontend.forms.TablerRenderer"``, and a few widgets."""

from pathlib import Path
from typing import Any, Literal

import django.forms
from django import forms
from django.forms.boundfield import BoundField
from django.forms.renderers import DjangoTemplates
from django.template.backends.django import DjangoTemplates as DjangoTemplatesBackend
from django.utils.functional import cached_property

TEMPLATES = Path(__file__).resolve().parent / "templates"
DJANGO_TEMPLATES = Path(django.forms.__file__).resolve().parent / "templates"
CHECKABLE = (forms.CheckboxInput, forms.RadioSelect, forms.CheckboxSelectMultiple)

EditorMode = Literal["html", "mjml", "text"]


class TablerBoundField(BoundField):
    """A field that gives its widget Tabler's class, and marks it when it has errors."""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: forms.Widget | None = None) -> dict[str, Any]:
        """Adds the classes; aria-invalid and aria-describedby are Django's own doing."""
        widget = widget or self.field.widget
        attrs = super().build_widget_attrs(attrs, widget)
        if widget.is_hidden or is_admins(widget):
            return attrs
        names = [str(attrs.get("class") or widget.attrs.get("class", "")), widget_class(widget)]
        if self.form.is_bound and self.errors:
            names.append("is-invalid")
        if classes := " ".join(name for name in names if name):
            attrs["class"] = classes
        return attrs

    @property
    def is_checkbox(self) -> bool:
        """True for a single checkbox, whose label stands behind it."""
        return isinstance(self.field.widget, forms.CheckboxInput)

    @property
    def is_switch(self) -> bool:
        """True for a checkbox drawn as a switch."""
        return isinstance(self.field.widget, Switch)

    @property
    def shows_optional(self) -> bool:
        """True where the label says "optional": an empty answer is fine and the control doesn't show it by itself."""
        return not self.field.required and not isinstance(self.field.widget, CHECKABLE)


class TablerRenderer(DjangoTemplates):
    """Renders forms by ``frontend/templates/django/forms/``, falling back to Django's own templates."""

    bound_field_class = TablerBoundField

    @cached_property
    def engine(self) -> DjangoTemplatesBackend:
        """The engine that knows our templates, our tags and Django's widgets."""
        return DjangoTemplatesBackend(
            {
                "APP_DIRS": True,
                "DIRS": [TEMPLATES, DJANGO_TEMPLATES],
                "NAME": "tabler_forms",
                "OPTIONS": {},
            }
        )


def is_admins(widget: forms.Widget) -> bool:
    """Tells whether a widget is Django admin's, whose scripts and styles look for the classes it has."""
    return type(widget).__module__.startswith("django.contrib.admin")


def widget_class(widget: forms.Widget) -> str:
    """Returns the class that Tabler wants on the widget's element; none for widgets of several elements."""
    match widget:
        case forms.CheckboxSelectMultiple() | forms.RadioSelect() | forms.MultiWidget():
            return ""
        case forms.CheckboxInput():
            return "form-check-input"
        case forms.Select():
            return "form-select"
        case _:
            return "form-control"


class Switch(forms.CheckboxInput):
    """A checkbox drawn as a switch."""


class DateTimeLocal(forms.DateTimeInput):
    """The browser's own date and time picker; the value is in the active time zone."""

    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%dT%H:%M")


class DateLocal(forms.DateInput):
    """The browser's own date picker."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class CodeEditor(forms.Textarea):
    """A source editor (CodeMirror) over a textarea, which stays the field and works without scripts.

    ``completions`` and ``lint`` are the ids of JSON scripts on the page: merge fields as
    ``[{"label": "firstName", "detail": "Ada"}]``, problems as ``[{"line": 3, "column": 5, "message": "…"}]``.
    """

    def __init__(
        self,
        attrs: dict[str, Any] | None = None,
        *,
        mode: EditorMode = "html",
        completions: str = "",
        lint: str = "",
        rows: int = 18,
    ) -> None:
        own: dict[str, Any] = {"data-code-editor": mode, "spellcheck": "false", "rows": rows, "class": "font-monospace"}
        if completions:
            own["data-completions"] = completions
        if lint:
            own["data-lint"] = lint
        super().__init__(own | (attrs or {}))
