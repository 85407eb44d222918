"""Django admin of contacts keeps to the same rules as the other edges."""

import json

import pytest
from django.test import Client

from contacts import services
from contacts.models import Contact, ContactField, DeletedContact, Import, List, Segment, Suppression
from team.models import User, Workspace
from tests.factories.contacts import make_contact, make_list, run_file, upload
from tests.integration.contacts.test_pages_open import things

pytestmark = pytest.mark.django_db

MODELS = (
    "contact",
    "contactfield",
    "list",
    "listmember",
    "segment",
    "suppression",
    "import",
    "importrejection",
    "deletedcontact",
)
NO_INLINES = {"list_members-TOTAL_FORMS": "0", "list_members-INITIAL_FORMS": "0"}


@pytest.fixture
def admin(db: None) -> Client:
    """A browser in which an administrator of the installation is signed in."""
    client = Client()
    client.force_login(
        User.objects.create_superuser("root@example.com", "x"), backend="django.contrib.auth.backends.ModelBackend"
    )
    return client


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_listed_searched_and_opened(admin: Client, workspace: Workspace, model: str) -> None:
    things(workspace)
    run_file(workspace, b"Email\nada@example.com\nnobody\n")
    services.delete_contacts(workspace=workspace, contact_ids=[make_contact(workspace, "gone@example.com").pk])
    page = admin.get(f"/admin/contacts/{model}/", {"q": "a"})
    assert page.status_code == 200
    from django.apps import apps

    row = apps.get_model("contacts", model)._default_manager.first()
    assert row is not None
    assert admin.get(f"/admin/contacts/{model}/{row.pk}/change/").status_code == 200


def test_a_contact_is_added_changed_and_deleted_by_the_services(admin: Client, workspace: Workspace) -> None:
    services.create_field(workspace=workspace, label="Age", type_="number")
    data = {
        "workspace": workspace.pk,
        "email": "Ada@Example.com",
        "tracking": "individual",
        "attributes": '{"age": "36"}',
        **NO_INLINES,
    }
    assert admin.post("/admin/contacts/contact/add/", data).status_code == 302
    contact = Contact.objects.get()
    assert (contact.email_key, contact.attributes) == ("ada@example.com", {"age": 36})
    url = f"/admin/contacts/contact/{contact.pk}/"
    admin.post(f"{url}change/", {**data, "first_name": "Ada", "attributes": "{}"})
    contact.refresh_from_db()
    assert (contact.first_name, contact.attributes) == ("Ada", {})
    refused = admin.post(f"{url}change/", {**data, "attributes": '{"age": "old"}'})
    assert "not a number" in refused.content.decode()
    make_contact(workspace, "taken@example.com")
    assert "Another contact" in admin.post(f"{url}change/", {**data, "email": "TAKEN@example.com"}).content.decode()
    admin.post(f"{url}delete/", {"post": "yes"})
    assert DeletedContact.objects.filter(pk=contact.pk).exists()


def test_actions_suppress_and_unsubscribe(admin: Client, workspace: Workspace) -> None:
    one, two = make_contact(workspace, "a@example.com"), make_contact(workspace, "b@example.com")
    admin.post("/admin/contacts/contact/", {"action": "suppress", "_selected_action": [one.pk]})
    admin.post("/admin/contacts/contact/", {"action": "unsubscribe", "_selected_action": [two.pk]})
    assert dict(Suppression.objects.values_list("email_key", "reason")) == {
        "a@example.com": "manual",
        "b@example.com": "unsubscribed",
    }


def test_fields_lists_segments_and_suppressions_keep_their_rules(admin: Client, workspace: Workspace) -> None:
    field = {"workspace": workspace.pk, "label": "Plan", "key": "firstName", "type": "text", "choices": ""}
    assert "standard merge field" in admin.post("/admin/contacts/contactfield/add/", field).content.decode()
    admin.post("/admin/contacts/contactfield/add/", {**field, "key": "plan"})
    assert ContactField.objects.get().key == "plan"
    admin.post("/admin/contacts/list/add/", {"workspace": workspace.pk, "name": "Readers"})
    bad = {"workspace": workspace.pk, "name": "S", "definition": '{"conditions": [{"field": "nope"}]}'}
    assert "no such field" in admin.post("/admin/contacts/segment/add/", bad).content.decode()
    good = json.dumps({"conditions": [{"field": "list", "operator": "in", "value": List.objects.get().pk}]})
    admin.post("/admin/contacts/segment/add/", {**bad, "definition": good})
    segment = Segment.objects.get()
    assert "contacts now" in admin.get(f"/admin/contacts/segment/{segment.pk}/change/").content.decode().lower()
    refused = admin.post(f"/admin/contacts/list/{List.objects.get().pk}/delete/", {"post": "yes"}, follow=True)
    assert "used by the segment" in refused.content.decode()
    assert List.objects.exists()
    suppression = {"workspace": workspace.pk, "email_key": "Bad@Example.com", "reason": "bounced", "detail": ""}
    admin.post("/admin/contacts/suppression/add/", suppression)
    assert Suppression.objects.get().email_key == "bad@example.com"
    assert (
        "needs an @"
        in admin.post("/admin/contacts/suppression/add/", {**suppression, "email_key": "x"}).content.decode()
    )


def test_an_import_is_cancelled_by_an_action_and_edited_by_nobody(admin: Client, workspace: Workspace) -> None:
    source = upload(workspace, b"Email\na@example.com\n")
    admin.post("/admin/contacts/import/", {"action": "cancel", "_selected_action": [source.pk]})
    source.refresh_from_db()
    assert source.status == "cancelled"
    assert admin.get("/admin/contacts/import/add/").status_code == 403
    assert admin.post(f"/admin/contacts/import/{source.pk}/change/", {"status": "completed"}).status_code == 403
    assert Import.objects.get().status == "cancelled"
    make_list(workspace)
