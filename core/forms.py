"""Services' refusals in forms."""

from collections.abc import Callable

from django import forms

from core.exceptions import DomainError


def add_refusal(form: forms.BaseForm, error: DomainError, *, own_name: Callable[[str], str] = str) -> None:
    """Show a service's refusal in the form: beside the fields it names, else above all.

    `own_name` turns the service's name of a field into the form's.
    """
    shown = False
    for name, texts in error.fields.items():
        own = own_name(name)
        for text in texts:
            form.add_error(own if own in form.fields else None, text)
            shown = True
    if not shown:
        form.add_error(None, error.message)
