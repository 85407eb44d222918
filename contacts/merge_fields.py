"""What templates can say of a contact."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contacts.models import ContactField, FieldType
from contacts.profile import COLUMNS
from team.models import Workspace


@dataclass(frozen=True, slots=True)
class MergeField:
    """What templates can say of a contact: `{{ key }}`; `sample` is an example of its value."""

    key: str
    label: str
    type: str
    sample: Any


_SAMPLES = {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "company": "Analytical Engines Ltd",
    "locale": "en-GB",
    "timeZone": "Europe/London",
}
_TYPE_SAMPLES: dict[str, Any] = {
    FieldType.TEXT: "Text",
    FieldType.NUMBER: 42,
    FieldType.DATE: "2026-12-31",
    FieldType.BOOLEAN: True,
    FieldType.LIST: ["one", "two"],
}


def merge_fields(workspace: Workspace) -> list[MergeField]:
    """Return the contact's merge fields: the standard ones, then the custom ones by label."""
    standard = [MergeField("email", "Email address", FieldType.TEXT, "ada@example.com")]
    for column in COLUMNS.values():
        standard.append(MergeField(column.merge_field, column.label, FieldType.TEXT, _SAMPLES[column.merge_field]))
        if column.name == "last_name":
            standard.append(MergeField("fullName", "Full name", FieldType.TEXT, "Ada Lovelace"))
    custom = [
        MergeField(field.key, field.label, field.type, field.choices[0] if field.choices else _TYPE_SAMPLES[field.type])
        for field in ContactField.objects.filter(workspace=workspace)
    ]
    return standard + custom


_read_json = json.JSONDecoder().raw_decode

CONTEXT_COLUMNS = "c.email, c.first_name, c.last_name, c.company, c.locale, c.time_zone, c.attributes"


def liquid_context(contact_row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge fields of a contact, from a row of CONTEXT_COLUMNS by name (`attributes` as a dict or JSON text)."""
    attributes = contact_row["attributes"]
    if isinstance(attributes, str):
        # PostgreSQL writes jsonb without white space around it, for which `json.loads` looks at some cost.
        fields: dict[str, Any] = _read_json(attributes)[0]
    else:
        fields = json.loads(attributes) if isinstance(attributes, bytes) else {**attributes}
    first, last = contact_row["first_name"], contact_row["last_name"]
    fields["email"] = contact_row["email"]
    fields["firstName"] = first
    fields["lastName"] = last
    fields["fullName"] = f"{first} {last}".strip()
    fields["company"] = contact_row["company"]
    fields["locale"] = contact_row["locale"]
    fields["timeZone"] = contact_row["time_zone"]
    return fields
