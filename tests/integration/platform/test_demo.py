"""The demo workspace looks lived in, and its numbers are facts."""

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from abtests.models import Experiment
from analytics.selectors import campaign_totals
from campaigns.models import Campaign, Status
from config.demo.builder import SLUG, build_demo
from team.models import Workspace

pytestmark = pytest.mark.django_db(transaction=True)


def test_its_numbers_agree_with_its_facts_and_it_can_be_made_anew():
    sandbox = settings.EMAIL_SANDBOX
    build_demo(contact_count=60)
    workspace = build_demo(contact_count=80)
    assert Workspace.objects.filter(slug=SLUG).count() == 1
    assert sandbox == settings.EMAIL_SANDBOX
    totals = campaign_totals(list(Campaign.objects.filter(workspace=workspace)))
    assert sum(each.accepted for each in totals.values()) > 200
    assert sum(each.opened_human for each in totals.values()) > 20
    test = Experiment.objects.get(workspace=workspace)
    assert test.state == Experiment.State.DECIDED
    assert test.looks.exists()
    assert test.summary["trials"]
    statuses = set(Campaign.objects.filter(workspace=workspace).values_list("status", flat=True))
    assert statuses == {Status.COMPLETED, Status.RUNNING, Status.SCHEDULED, Status.DRAFT}
    call_command("recount", "--check")


def test_a_senseless_number_of_contacts_is_refused():
    with pytest.raises(CommandError, match="between 1 and"):
        call_command("demo", "--contacts", "0")
