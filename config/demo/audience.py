"""The demo's contacts, brought in by a CSV import as a marketer would."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.files.base import ContentFile

from config.demo.people import PLANS, Person
from contacts import services
from contacts.models import FieldType, Import, List, Segment
from core.exceptions import DomainError
from team.models import User, Workspace

COLUMNS = ("email", "first_name", "last_name", "company", "locale", "time_zone")
FIELDS = (
    ("country", "Country", FieldType.TEXT),
    ("plan", "Plan", FieldType.CHOICE),
    ("signedUpOn", "Signed up on", FieldType.DATE),
    ("seats", "Seats", FieldType.NUMBER),
    ("newsletter", "Newsletter", FieldType.BOOLEAN),
    ("interests", "Interests", FieldType.LIST),
)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who the demo's campaigns go to."""

    everyone: List
    newsletter: List
    customers: List
    business: Segment
    engaged: Segment


def build_audience(workspace: Workspace, *, people: Iterable[Person], owner: User) -> Audience:
    """Create fields, lists and segments, and import `people`: the customers, those with a newsletter, then all."""
    for key, label, type_ in FIELDS:
        choices = [name for name, _ in PLANS] if type_ == FieldType.CHOICE else []
        services.create_field(workspace=workspace, key=key, label=label, type_=type_, choices=choices)
    everyone = services.create_list(workspace=workspace, name="All contacts", description="Everyone we may write to.")
    newsletter = services.create_list(workspace=workspace, name="Newsletter", description="Asked for the newsletter.")
    customers = services.create_list(workspace=workspace, name="Customers", description="On a paid plan.")
    found = list(people)
    # As they come in real life: each file brings some people who are new.
    _import(workspace, [p for p in found if p.attributes["plan"] != "free"], "customers.csv", customers, owner)
    _import(workspace, [p for p in found if p.attributes["newsletter"]], "newsletter-signups.csv", newsletter, owner)
    _import(workspace, found, "contacts-2026.csv", everyone, owner)
    return Audience(
        everyone=everyone,
        newsletter=newsletter,
        customers=customers,
        business=services.create_segment(
            workspace=workspace,
            name="Business plan",
            definition={
                "match": "all",
                "conditions": [{"field": "custom.plan", "operator": "is", "value": "business"}],
            },
        ),
        engaged=services.create_segment(
            workspace=workspace,
            name="Engaged in the last 30 days",
            definition={
                "match": "any",
                "conditions": [
                    {"field": "last_opened_at", "operator": "in_last", "value": 30},
                    {"field": "last_clicked_at", "operator": "in_last", "value": 30},
                ],
            },
        ),
    )


def _import(workspace: Workspace, people: list[Person], name: str, list_: List, owner: User) -> None:
    source = services.start_import(workspace=workspace, file=ContentFile(_csv(people), name=name), created_by=owner)
    targets = [*COLUMNS, *(f"field:{key}" for key, _, _ in FIELDS)]
    services.map_import(source, mapping={str(i): target for i, target in enumerate(targets)}, list_=list_)
    services.run_import(source.pk)
    source.refresh_from_db()
    if source.status != Import.Status.COMPLETED or source.rejected:
        raise DomainError(f"The demo's contacts were not imported: {source.error or f'{source.rejected} rejected'}.")


def _csv(people: Iterable[Person]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, *(label for _, label, _ in FIELDS)])
    for person in people:
        values = person.attributes
        writer.writerow(
            [
                person.email,
                person.first_name,
                person.last_name,
                person.company,
                person.locale,
                person.time_zone,
                values["country"],
                values["plan"],
                values["signed_up_on"],
                values["seats"],
                "yes" if values["newsletter"] else "no",
                "; ".join(values["interests"]),
            ]
        )
    return text.getvalue().encode()
