"""The web's forms; rules live in the services, whose refusals are shown beside the fields they name."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from django import forms

import core.forms
from contacts.addresses import MAX_LENGTH
from contacts.imports.encodings import ENCODINGS
from contacts.imports.layout import DELIMITERS
from contacts.models import Contact, ContactField, FieldType, Import, List, SuppressionReason, TrackingMode
from contacts.profile import COLUMNS
from contacts.values import as_text
from core.exceptions import DomainError
from frontend.forms import DateLocal

ATTRIBUTE_PREFIX = "attribute_"


def add_refusal(form: forms.Form, error: DomainError) -> None:
    """Show a service's refusal in the form; custom fields go by their names here."""
    core.forms.add_refusal(form, error, own_name=lambda name: name.replace("attributes.", ATTRIBUTE_PREFIX, 1))


class ContactForm(forms.Form):
    """A contact with its custom fields and lists."""

    email = forms.CharField(label="Email address", max_length=MAX_LENGTH, widget=forms.EmailInput)
    first_name = forms.CharField(label=COLUMNS["first_name"].label, required=False)
    last_name = forms.CharField(label=COLUMNS["last_name"].label, required=False)
    company = forms.CharField(label=COLUMNS["company"].label, required=False)
    locale = forms.CharField(label=COLUMNS["locale"].label, required=False, help_text="For example en or pt-BR.")
    time_zone = forms.CharField(
        label=COLUMNS["time_zone"].label,
        required=False,
        help_text="For example Europe/Berlin; mail can then leave at local times.",
    )
    tags = forms.CharField(label="Tags", required=False, help_text="Separated by commas.")
    tracking = forms.ChoiceField(
        label="Tracking",
        choices=TrackingMode.choices,
        initial=TrackingMode.INDIVIDUAL,
        help_text="Whether opens and clicks of this contact are recorded.",
    )

    def __init__(
        self,
        *args: Any,
        custom: Iterable[ContactField],
        lists: Iterable[List],
        contact: Contact | None = None,
        member_of: Iterable[int] = (),
        **kwargs: Any,
    ) -> None:
        if contact is not None:
            attributes: Mapping[str, Any] = contact.attributes
            names = ("email", *COLUMNS, "tracking")
            kwargs["initial"] = {name: getattr(contact, name) for name in names} | {
                "lists": list(member_of),
                "tags": ", ".join(contact.tags),
            }
        else:
            attributes = {}
        super().__init__(*args, **kwargs)
        self._custom = list(custom)
        self._lists = list(lists)
        for field in self._custom:
            self.fields[f"{ATTRIBUTE_PREFIX}{field.key}"] = _custom_form_field(field, attributes.get(field.key))
        if self._lists:
            self.fields["lists"] = forms.TypedMultipleChoiceField(
                label="Lists",
                required=False,
                coerce=int,
                choices=[(each.pk, each.name) for each in self._lists],
                widget=forms.CheckboxSelectMultiple,
            )

    def changes(self) -> dict[str, Any]:
        """Return what `create_contact` and `update_contact` take."""
        data = dict(self.cleaned_data)
        chosen = data.pop("lists", [])
        attributes = {field.key: data.pop(f"{ATTRIBUTE_PREFIX}{field.key}") or None for field in self._custom}
        return {**data, "attributes": attributes, "lists": [each for each in self._lists if each.pk in chosen]}


def _custom_form_field(field: ContactField, value: Any) -> forms.Field:
    common: dict[str, Any] = {"label": field.label, "required": False, "initial": as_text(value)}
    match field.type:
        case FieldType.DATE:
            return forms.CharField(widget=DateLocal, **common)
        case FieldType.BOOLEAN:
            return forms.ChoiceField(choices=[("", "Not known"), ("yes", "Yes"), ("no", "No")], **common)
        case FieldType.CHOICE:
            return forms.ChoiceField(choices=[("", "—"), *((choice, choice) for choice in field.choices)], **common)
        case FieldType.NUMBER:
            return forms.CharField(widget=forms.TextInput(attrs={"inputmode": "decimal"}), **common)
        case FieldType.LIST:
            return forms.CharField(help_text="Separate the items by semicolons.", **common)
    return forms.CharField(**common)


class ListForm(forms.Form):
    """A list's name and what it is for."""

    name = forms.CharField(max_length=120)
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))


class FieldForm(forms.Form):
    """A new custom field."""

    label = forms.CharField(label="Name", max_length=100)
    type_ = forms.ChoiceField(label="Type", choices=FieldType.choices)
    choices = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="For the type “Choice”: one option a line.",
    )
    key = forms.CharField(
        label="Merge field",
        required=False,
        max_length=60,
        help_text="What templates call it, as in {{ favouriteColour }}. Made from the name if left empty; stays for good.",
    )

    def clean_choices(self) -> list[str]:
        return [line for line in self.cleaned_data["choices"].splitlines() if line.strip()]


class FieldChangeForm(forms.Form):
    """What may change of a custom field: its name, and the options of a choice."""

    label = forms.CharField(label="Name", max_length=100)
    choices = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 6}), help_text="One option a line.")

    def __init__(self, *args: Any, field: ContactField, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"label": field.label, "choices": "\n".join(field.choices)})
        super().__init__(*args, **kwargs)
        if field.type != FieldType.CHOICE:
            del self.fields["choices"]

    def clean_choices(self) -> list[str]:
        return [line for line in self.cleaned_data["choices"].splitlines() if line.strip()]


class SuppressForm(forms.Form):
    """Addresses that shall get no more mail."""

    emails = forms.CharField(
        label="Email addresses",
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
        max_length=2_000_000,
        help_text="One a line, or separated by commas, semicolons or blanks.",
    )
    reason = forms.ChoiceField(choices=SuppressionReason.choices, initial=SuppressionReason.MANUAL)
    detail = forms.CharField(label="Note", required=False, max_length=1000)

    def clean_emails(self) -> list[str]:
        text = self.cleaned_data["emails"]
        for mark in (",", ";", "\t", "<", ">", '"'):
            text = text.replace(mark, " ")
        emails: list[str] = text.split()
        if not any("@" in email for email in emails):
            raise forms.ValidationError("There is no email address in this.")
        return [email for email in emails if "@" in email]


class UploadForm(forms.Form):
    """A CSV file to import."""

    file = forms.FileField(
        label="CSV file",
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
        help_text="Up to 1 GB. Any delimiter and encoding; you can check both in the next step.",
    )


class LayoutForm(forms.Form):
    """How the file is laid out, as found out, to be corrected."""

    encoding = forms.ChoiceField(choices=list(ENCODINGS.items()))
    delimiter = forms.ChoiceField(choices=list(DELIMITERS.items()))
    has_header = forms.BooleanField(label="The first row names the columns", required=False)
    date_order = forms.ChoiceField(label="Dates", choices=Import.DateOrder.choices)
    decimal_comma = forms.TypedChoiceField(
        label="Numbers",
        choices=[("false", "1,234.5"), ("true", "1.234,5")],
        coerce=lambda text: text == "true",
    )

    @classmethod
    def of(cls, source: Import) -> "LayoutForm":
        """Return the form as the import stands."""
        return cls(
            initial={
                "encoding": source.encoding,
                "delimiter": source.delimiter,
                "has_header": source.has_header,
                "date_order": source.date_order,
                "decimal_comma": "true" if source.decimal_comma else "false",
            }
        )


class TargetForm(forms.Form):
    """Where the contacts of a file go, and what happens to those who are there already."""

    list_id = forms.TypedChoiceField(label="Add the contacts to", required=False, coerce=int, empty_value=None)
    new_list = forms.CharField(label="Name of the new list", required=False, max_length=120)
    update_existing = forms.BooleanField(
        label="Update contacts that are there already",
        required=False,
        initial=True,
        help_text="Empty cells never overwrite anything. Without this, known contacts are only added to the list.",
    )

    NEW = "new"

    def __init__(self, *args: Any, lists: Iterable[List], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.TypedChoiceField", self.fields["list_id"])
        field.choices = [("", "No list"), (self.NEW, "A new list"), *((each.pk, each.name) for each in lists)]
        field.coerce = lambda text: None if text == self.NEW else int(text)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        wants_new = self.data.get(self.add_prefix("list_id")) == self.NEW
        if wants_new and not data.get("new_list", "").strip():
            self.add_error("new_list", "Give the new list a name.")
        if not wants_new:
            data["new_list"] = ""
        return data
