"""What the admin pages of contacts share."""

from django import forms
from django.core.exceptions import ValidationError

from core.exceptions import DomainError


def refuse(form: forms.ModelForm, error: DomainError) -> None:
    """Show a service's refusal beside the fields it names, else above all."""
    for name, texts in (error.fields or {"": [error.message]}).items():
        own = name.partition(".")[0]
        form.add_error(own if own in form.fields else None, ValidationError(texts))
