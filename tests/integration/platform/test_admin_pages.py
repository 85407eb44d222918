"""Every page of Django admin opens, for every model, and its lists cost the same however many rows they show."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.db import connection
from django.db.models import Model
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns import services as campaigns
from campaigns.models import Campaign
from core import facts
from delivery.models import Message
from team.models import User
from tests.factories.team import ApiTokenFactory, UserFactory, WorkspaceFactory
from tests.factories.tracking import make_hit, make_link
from tests.integration.api.world import furnish
from tracking.ingest import ingest

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("eager_tasks")]

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
MOST_QUERIES = 41


@pytest.fixture
def superuser(db: None) -> User:
    return UserFactory(is_staff=True, is_superuser=True, email="root@example.com")


@pytest.fixture
def site(superuser: User) -> Client:
    client = Client()
    client.force_login(superuser, backend="django.contrib.auth.backends.ModelBackend")
    return client


def furnish_some(*slugs: str) -> None:
    """Make workspaces that have one of everything, hits and tokens included."""
    for slug in slugs:
        workspace = WorkspaceFactory(slug=slug)
        ids = furnish(workspace)
        ApiTokenFactory(workspace=workspace)
        campaigns.run_check(campaigns.start_check(Campaign.objects.get(pk=ids["campaigns"])).pk)
        message = Message.objects.get(pk=ids["messages"])
        link = make_link(message.mailing, f"https://{slug}.example/")
        ingest([make_hit(message, message.created_at), make_hit(message, message.created_at, link=link)])
    facts.sequence()


def url(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def test_the_list_the_search_and_the_forms_of_every_model_open(site: Client, subtests: pytest.Subtests) -> None:
    furnish_some("first")
    for model in MODELS:
        with subtests.test(model._meta.label):
            lists = url(model, "changelist")
            assert site.get(lists).status_code == 200
            if admin.site._registry[model].search_fields:
                for words in ("ada", "x" * 300, "%", "'", "0", "9" * 30):
                    assert site.get(lists, {"q": words}).status_code == 200, words
            assert site.get(url(model, "add")).status_code in (200, 403)
            row = model._default_manager.first()
            if row is None:
                continue
            with CaptureQueriesContext(connection) as asked:
                assert site.get(url(model, "change", row.pk)).status_code == 200
            assert len(asked) <= MOST_QUERIES
            for name in ("history", "delete"):
                assert site.get(url(model, name, row.pk)).status_code in (200, 403), name


def test_a_list_costs_the_same_for_one_row_and_for_many(site: Client, subtests: pytest.Subtests) -> None:
    furnish_some("first")
    few = {model: queries_of(site, model) for model in MODELS}
    furnish_some("second", "third", "fourth")
    for model in MODELS:
        with subtests.test(model._meta.label):
            many = queries_of(site, model)
            assert len(many) <= min(len(few[model]) + 2, MOST_QUERIES), many


def queries_of(site: Client, model: type[Model]) -> list[str]:
    site.get(url(model, "changelist"))  # content types and the like are remembered from now on
    with CaptureQueriesContext(connection) as asked:
        site.get(url(model, "changelist"))
    return [query["sql"][:200] for query in asked.captured_queries]


# An abbreviation in small letters, a yes-or-no column that reads like code, a column of counters turned around.
AWKWARD = re.compile(
    r"\b(smtp|html|url|ids?|ip|dkim|imap|api|mjml|utc)\b|^is |\b(human|any)$|^(to|from) email$|_", re.IGNORECASE
)
FINE = re.compile(r"\b(SMTP|HTML|URL|IDs?|IP|DKIM|IMAP|API|MJML|UTC)\b")


def labels_of(model: type[Model], request: HttpRequest) -> set[str]:
    """Every label on the list and the forms of a model."""
    page = admin.site._registry[model]
    found = {str(label_for_field(name, model, page)) for name in page.get_list_display(request)}
    found |= {str(label_for_field(name, model, page)) for name in page.get_readonly_fields(request)}
    forms = [page.get_form(request, None)] if page.has_add_permission(request) else []
    if page.has_change_permission(request):
        forms.append(page.get_form(request, model(), change=True))
    for form in forms:
        found |= {str(field.label or "") for field in form.base_fields.values() if not field.widget.is_hidden}
    return found


def test_no_label_of_the_admin_reads_like_code(superuser: User) -> None:
    request = RequestFactory().get("/admin/")
    request.user = superuser
    awkward = {
        f"{model._meta.label}: {label}"
        for model in MODELS
        for label in labels_of(model, request)
        if AWKWARD.search(FINE.sub("", label))
    }
    assert awkward == set()
