"""Who is simulated, from when, and from which mailbox."""

from collections.abc import Sequence as Items
from datetime import timedelta
from typing import Any

from django import forms

from contacts.models import ContactField, FieldType, List
from contacts.selectors import contact_with_address, fields_in, lists_in
from core.exceptions import InvalidInput
from delivery.models import Mailbox
from delivery.selectors import mailboxes_in
from frontend.forms import DateTimeLocal
from sequences import models
from sequences.simulation import Outcomes, Person, made_up_person, person_of

CONTACT, MADE_UP = "contact", "made_up"
CUSTOM = "field-"
CHOICE = "o-"
COLUMNS = ("first_name", "last_name", "company", "locale", "time_zone")


class SimulationForm(forms.Form):
    """A simulation as the page asks for it: by GET, so that it can be kept as a link.  Outcomes are `o-<step>` beside its fields."""

    who = forms.ChoiceField(
        label="Who?",
        choices=[(MADE_UP, "Somebody made up"), (CONTACT, "A contact")],
        widget=forms.RadioSelect,
        initial=MADE_UP,
        required=False,
    )
    email = forms.CharField(label="The contact’s address", required=False, max_length=320)
    first_name = forms.CharField(label="First name", required=False, max_length=150)
    last_name = forms.CharField(label="Last name", required=False, max_length=150)
    company = forms.CharField(label="Company", required=False, max_length=200)
    locale = forms.CharField(label="Language", required=False, max_length=35, help_text="As en or pt-BR.")
    time_zone = forms.CharField(
        label="Time zone", required=False, max_length=64, help_text="As Europe/Berlin; empty: the workspace’s."
    )
    tags = forms.CharField(label="Tags", required=False, max_length=1000, help_text="With commas between them.")
    lists = forms.ModelMultipleChoiceField(
        label="Lists", queryset=List.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    start = forms.DateTimeField(label="They enter on", required=False, widget=DateTimeLocal)
    version = forms.ChoiceField(label="Steps", required=False)
    mailbox = forms.ModelChoiceField(
        label="Mailbox", queryset=Mailbox.objects.none(), required=False, empty_label="The campaign’s"
    )
    reacts_after = forms.IntegerField(
        label="Who reacts does so after (minutes)", required=False, min_value=0, max_value=525_600, initial=60
    )
    seed = forms.IntegerField(
        label="Draw outcomes",
        required=False,
        min_value=0,
        max_value=2**53,
        help_text="A number draws what isn’t known; the same number draws the same. Empty: the usual.",
    )

    def __init__(self, *args: Any, sequence: models.Sequence, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sequence = sequence
        workspace = sequence.workspace
        self.custom: Items[ContactField] = list(fields_in(workspace))
        _field(self, "lists").queryset = lists_in(workspace)
        _field(self, "mailbox").queryset = mailboxes_in(workspace)
        _field(self, "version").choices = _versions(sequence)
        for field in self.custom:
            self.fields[f"{CUSTOM}{field.key}"] = forms.CharField(
                label=field.label, required=False, max_length=500, help_text=_hint(field)
            )
        if not self.fields["lists"].queryset.exists():  # type: ignore[attr-defined]  # a ModelMultipleChoiceField
            del self.fields["lists"]

    @property
    def custom_fields(self) -> list[forms.BoundField]:
        """The fields of the workspace's own."""
        return [self[f"{CUSTOM}{field.key}"] for field in self.custom]

    @property
    def has_more(self) -> bool:
        """Whether something is given, or wrong, among lists, tags and fields."""
        names = ["lists", "tags", *(f"{CUSTOM}{field.key}" for field in self.custom)]
        return any(name in self.errors or self.data.get(name) for name in names if name in self.fields)

    @property
    def chosen(self) -> dict[str, str]:
        """The outcomes that were chosen, by step (and round)."""
        items = self.data.items()
        return {str(name).removeprefix(CHOICE): str(lane) for name, lane in items if str(name).startswith(CHOICE)}

    @property
    def outcomes(self) -> Outcomes:
        """What happens where nobody can know."""
        minutes = self.cleaned_data.get("reacts_after")
        return Outcomes(
            seed=self.cleaned_data.get("seed"), reacts_after=timedelta(minutes=60 if minutes is None else minutes)
        )

    def clean(self) -> dict[str, Any]:
        """Find the contact, or make somebody up."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                cleaned["person"] = self._contact() if cleaned.get("who") == CONTACT else self._made_up(cleaned)
            except InvalidInput as error:
                self._refuse(error)
        return cleaned

    def _contact(self) -> Person:
        address = self.cleaned_data.get("email", "")
        contact = contact_with_address(self.sequence.workspace, address) if address else None
        if contact is None:
            message = "There is no contact with this address." if address else "Give the address of a contact."
            raise InvalidInput(message, fields={"email": [message]})
        return person_of(contact)

    def _made_up(self, cleaned: dict[str, Any]) -> Person:
        given: dict[str, Any] = {name: cleaned[name] for name in COLUMNS if cleaned.get(name)}
        if tags := [tag.strip() for tag in cleaned.get("tags", "").split(",") if tag.strip()]:
            given["tags"] = tags
        values = {field.key: cleaned.get(f"{CUSTOM}{field.key}") for field in self.custom}
        if values := {key: value for key, value in values.items() if value}:
            given["attributes"] = values
        return made_up_person(self.sequence.workspace, given, list_ids=[each.pk for each in cleaned.get("lists") or ()])

    def _refuse(self, error: InvalidInput) -> None:
        for name, messages in error.fields.items():
            key = name.removeprefix("attributes.")
            field = f"{CUSTOM}{key}" if key != name else name
            for message in messages:
                self.add_error(field if field in self.fields else None, message)
        if not error.fields:
            self.add_error(None, error.message)


def _field(form: forms.Form, name: str) -> Any:
    return form.fields[name]


def _versions(sequence: models.Sequence) -> list[tuple[str, str]]:
    found = [("", "As they are now")]
    for version in sequence.versions.order_by("-number")[:20]:
        if version.published_at is None:
            found.append(("draft", f"The draft (version {version.number})"))
        elif version.pk == sequence.live_version_id:
            found.append(("live", f"Live (version {version.number})"))
        else:
            found.append((str(version.number), f"Version {version.number}"))
    return found


def _hint(field: ContactField) -> str:
    if field.type == FieldType.CHOICE:
        return f"One of {', '.join(field.choices[:8])}."
    return {FieldType.DATE: "As 2026-12-31.", FieldType.BOOLEAN: "yes or no."}.get(FieldType(field.type), "")
