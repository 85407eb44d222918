"""A/B tests in Django admin: everything is shown, nothing is changed."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from abtests import services
from abtests.models import Assignment, Experiment, ExperimentBatch, Look, Variant
from tests.factories.abtests import make_experiment
from tests.factories.sequences import make_contacts
from tests.factories.team import UserFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db
MODELS = [Experiment, Variant, ExperimentBatch, Look, Assignment]


@pytest.fixture
def site() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def experiment() -> Experiment:
    """A test under way: two parts dealt out, the first released and looked at."""
    workspace = WorkspaceFactory()
    made = make_experiment(workspace, name="Which greeting?")
    now = timezone.now()
    ExperimentBatch.objects.create(experiment=made, number=0, release_at=now, released_at=now, size=2)
    services.assign_cells(made, contact_ids=make_contacts(workspace, 4), batch_sizes=[1])
    Look.objects.create(experiment=made, number=1, looked_at=now, question={}, verdict={"kind": "NOT_YET"})
    return made


def page(name: str, model: type[Any], *args: object) -> str:
    return reverse(f"admin:abtests_{model._meta.model_name}_{name}", args=args)


def test_a_test_is_shown_with_its_versions_and_parts(site: Client, experiment: Experiment) -> None:
    assert "Which greeting?" in site.get(page("changelist", Experiment), {"q": "greeting"}).content.decode()
    shown = site.get(page("change", Experiment, experiment.pk)).content.decode()
    for variant in experiment.variants.all():
        assert page("change", Variant, variant.pk) in shown
    assert page("change", ExperimentBatch, experiment.parts.get().pk) in shown


def test_a_look_says_what_came_out(site: Client, experiment: Experiment) -> None:
    assert "NOT_YET" in site.get(page("changelist", Look)).content.decode()


def test_whose_version_it_is_is_found_by_the_number_of_the_contact(site: Client, experiment: Experiment) -> None:
    own = Assignment.objects.order_by("pk").first()
    assert own is not None
    found = site.get(page("changelist", Assignment), {"q": own.contact_id}).content.decode()
    assert page("change", Assignment, own.pk) in found
    assert "1 assignment" in found


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_added_changed_or_deleted(site: Client, experiment: Experiment, model: type[Any]) -> None:
    row = model.objects.first()
    before = model.objects.filter(pk=row.pk).values().get()
    assert site.get(page("add", model)).status_code == 403
    assert site.post(page("change", model, row.pk), {"name": "Other"}).status_code == 403
    assert site.post(page("delete", model, row.pk), {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=row.pk).values().get() == before


def test_whoever_is_no_member_of_the_staff_sees_nothing(client: Client, experiment: Experiment) -> None:
    client.force_login(UserFactory())
    assert client.get(page("changelist", Experiment)).status_code == 302
