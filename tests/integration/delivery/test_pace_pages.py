"""Limits, warm-up and rules by web page, API and admin: set, shown, and closed to other workspaces."""

import json
from datetime import time

import pytest
from django.test import Client
from django.urls import reverse

from delivery import services
from delivery.models import Mailbox, SendingRules
from team.models import AuditEntry, Role, Workspace
from tests.factories import delivery as make
from tests.factories.team import UserFactory
from tests.integration.delivery.test_mailboxes import SETTINGS, api, member
from tests.plugins.mail import SmtpSink


def test_limits_and_a_preset_of_the_warm_up_are_set_by_the_form(client: Client, workspace: Workspace) -> None:
    member(client, workspace)
    form = {**SETTINGS, "per_minute": 60, "per_day": 2000, "time_zone": "Europe/Berlin", "warm_up": "normal"}
    assert client.post(reverse("delivery:new_mailbox"), form).status_code == 302
    mailbox = Mailbox.objects.get()
    assert (mailbox.per_second, mailbox.per_minute, mailbox.per_day) == (None, 60, 2000)
    assert (mailbox.ramp_start, mailbox.ramp_growth, mailbox.ramp_unit, mailbox.ramp_target) == (
        50,
        20,
        "percent",
        5000,
    )
    assert mailbox.ramp_since is not None
    page = client.get(reverse("delivery:edit_mailbox", args=[mailbox.pk]))
    assert '<option value="normal" selected>' in page.text
    since = mailbox.ramp_since
    client.post(reverse("delivery:edit_mailbox", args=[mailbox.pk]), {**form, "per_day": 100})
    mailbox.refresh_from_db()
    assert (mailbox.per_day, mailbox.ramp_since) == (100, since)
    client.post(reverse("delivery:edit_mailbox", args=[mailbox.pk]), {**form, "warm_up": "", "per_minute": ""})
    mailbox.refresh_from_db()
    assert [mailbox.ramp_start, mailbox.ramp_since, mailbox.per_minute] == [None] * 3


def test_a_warm_up_of_ones_own_needs_its_numbers(client: Client, workspace: Workspace) -> None:
    member(client, workspace)
    answer = client.post(reverse("delivery:new_mailbox"), {**SETTINGS, "warm_up": "own", "ramp_start": 10})
    assert answer.status_code == 422
    numbers = {"ramp_start": 10, "ramp_growth": 5, "ramp_unit": "messages", "ramp_target": 5}
    answer = client.post(reverse("delivery:new_mailbox"), {**SETTINGS, "warm_up": "own", **numbers})
    assert "ends with as many messages" in answer.text
    numbers["ramp_target"] = 100
    assert client.post(reverse("delivery:new_mailbox"), {**SETTINGS, "warm_up": "own", **numbers}).status_code == 302


def test_the_pace_is_shown_with_what_holds_it(
    client: Client, workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    member(client, workspace, Role.ANALYST)
    services.update_mailbox(mailbox, ramp_start=2, ramp_growth=1, ramp_unit="messages", ramp_target=9)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 5))
    services.dispatch_due()
    url = reverse("delivery:mailbox_pace", args=[mailbox.pk])
    page = client.get(url)
    assert "held by the warm-up (2 of 2 today). Next slot 00:00 tomorrow." in page.text
    assert "Step 1 of 8" in page.text
    part = client.get(url, HTTP_HX_REQUEST="true")
    assert "<html" not in part.text
    assert "every 2s" in part.text
    assert "Change limits" not in page.text


def test_an_idle_and_a_paused_mailbox_say_so(client: Client, workspace: Workspace, mailbox: Mailbox) -> None:
    member(client, workspace)
    url = reverse("delivery:mailbox_pace", args=[mailbox.pk])
    assert "Nothing waits to be sent." in client.get(url).text
    services.pause_mailbox(mailbox.pk, reason="Paused by Ada.")
    assert "Sends nothing: Paused by Ada." in client.get(url).text


def test_the_rules_are_set_and_seen(client: Client, workspace: Workspace) -> None:
    member(client, workspace)
    url = reverse("delivery:sending_rules")
    form = {"quiet_from": "21:00", "quiet_until": "08:00", "most_messages": 3, "most_days": 7}
    assert client.post(url, form).status_code == 302
    rules = SendingRules.objects.get(workspace=workspace)
    assert (rules.quiet_from, rules.most_messages) == (time(21), 3)
    assert 'value="21:00"' in client.get(url).text
    assert client.post(url, {**form, "quiet_until": ""}).status_code == 422
    assert AuditEntry.objects.filter(workspace_id=workspace.pk, table="delivery_sendingrules").exists()


@pytest.mark.parametrize("role", [Role.ANALYST, Role.EDITOR])
def test_only_managers_change_rules(client: Client, workspace: Workspace, role: str) -> None:
    member(client, workspace, role)
    url = reverse("delivery:sending_rules")
    assert client.get(url).status_code == 200
    assert client.post(url, {"most_days": 7}).status_code == 403
    assert not SendingRules.objects.exists()


def test_limits_pace_days_and_rules_by_the_api(
    client: Client, workspace: Workspace, mailbox: Mailbox, smtp_sink: SmtpSink
) -> None:
    headers = api(workspace, "mailboxes:write")
    url = f"/api/v1/mailboxes/{mailbox.pk}/"
    json_type = "application/json"
    answer = client.patch(url, json.dumps({"per_day": 2, "per_minute": 600}), json_type, **headers)
    assert (answer.status_code, answer.json()["per_day"]) == (200, 2)
    assert client.patch(url, json.dumps({"per_day": 0}), json_type, **headers).status_code in (400, 422)
    assert client.patch(url, json.dumps({"time_zone": "Mars/Base"}), json_type, **headers).status_code in (400, 422)
    make.queue(make.make_mailing(workspace), mailbox, make.make_contacts(workspace, 3))
    services.dispatch_due()
    pace = client.get(f"{url}pace/", **headers).json()
    assert (pace["code"], pace["limit"], pace["waiting"], pace["sent_today"]) == ("mailbox_cap", 600, 1, 2)
    (day,) = client.get(f"{url}days/", **headers).json()
    assert (day["cap"], day["sent"], day["accepted"]) == (2, 2, 2)
    rules = {"quiet_from": "22:00", "quiet_until": "06:00", "most_messages": 2, "most_days": 3}
    answer = client.put("/api/v1/mailboxes/rules/", json.dumps(rules), json_type, **headers)
    assert answer.status_code == 200
    assert client.get("/api/v1/mailboxes/rules/", **headers).json()["most_messages"] == 2


def test_another_workspaces_mailbox_is_not_found(client: Client, workspace: Workspace, mailbox: Mailbox) -> None:
    other = make.make_workspace("other")
    member(client, other)
    assert client.get(reverse("delivery:mailbox_pace", args=[mailbox.pk])).status_code == 404
    headers = api(other, "mailboxes:write")
    for path in ("pace/", "days/"):
        assert client.get(f"/api/v1/mailboxes/{mailbox.pk}/{path}", **headers).status_code == 404
    services.set_sending_rules(workspace=workspace, most_messages=5)
    assert client.get("/api/v1/mailboxes/rules/", **headers).json()["most_messages"] is None


def test_the_admin_shows_days_and_rules(client: Client, workspace: Workspace, mailbox: Mailbox) -> None:
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    services.set_sending_rules(workspace=workspace, most_messages=5)
    for name in ("mailboxday", "sendingrules", "domainpace", "mailbox"):
        assert client.get(reverse(f"admin:delivery_{name}_changelist")).status_code == 200
    page = client.get(reverse("admin:delivery_mailbox_change", args=[mailbox.pk]))
    assert 'name="per_minute"' in page.text
