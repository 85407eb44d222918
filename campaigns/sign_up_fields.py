"""The public form's inputs, made of what a sign-up form asks for."""

from typing import Any

from django import forms

from campaigns.models import SignUpForm
from contacts.models import ContactField, FieldType

STANDARD = {"first_name": "First name", "last_name": "Last name", "company": "Company"}
CUSTOM = "custom."
# A box that people don't see and programs fill in.
HONEYPOT = "website"


class PublicForm(forms.Form):
    """What somebody fills in to sign up."""

    email = forms.EmailField(max_length=320, label="Email address", widget=forms.EmailInput({"autocomplete": "email"}))

    def __init__(self, data: Any = None, *, form: SignUpForm) -> None:
        super().__init__(data)
        custom = {field.key: field for field in ContactField.objects.filter(workspace=form.workspace_id)}
        for key in form.fields:
            if key in STANDARD:
                self.fields[key] = forms.CharField(max_length=150, required=False, label=STANDARD[key])
            elif (field := custom.get(key.removeprefix(CUSTOM))) is not None:
                self.fields[key] = _input(field)
        if form.consent_text:
            message = {"required": "Please tick the box to go on."}
            self.fields["agreed"] = forms.BooleanField(label=form.consent_text, error_messages=message)
        self.fields[HONEYPOT] = forms.CharField(required=False, max_length=200)

    @property
    def shown(self) -> list[forms.BoundField]:
        """The inputs that people see."""
        return [self[name] for name in self.fields if name != HONEYPOT]

    @property
    def is_trapped(self) -> bool:
        """Whether a program has filled in what people don't see."""
        return bool(self.data.get(HONEYPOT))


def _input(field: ContactField) -> forms.Field:
    match field.type:
        case FieldType.CHOICE:
            choices = [("", "—"), *((choice, choice) for choice in field.choices)]
            return forms.ChoiceField(required=False, label=field.label, choices=choices)
        case FieldType.DATE:
            return forms.CharField(required=False, label=field.label, widget=forms.DateInput({"type": "date"}))
        case FieldType.BOOLEAN:
            return forms.ChoiceField(
                required=False, label=field.label, choices=[("", "—"), ("true", "Yes"), ("false", "No")]
            )
    return forms.CharField(required=False, label=field.label, max_length=1_000)
