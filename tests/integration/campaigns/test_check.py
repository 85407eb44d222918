from datetime import timedelta

import pytest

from campaigns import services
from campaigns.exceptions import CampaignError
from campaigns.models import Campaign, Check
from contacts.models import Contact, ContactField, Suppression
from delivery.models import Mailbox
from delivery.services import add_domain, check_domain
from sequences.services import advance_due
from tests.factories.campaigns import make_campaign, make_list
from tests.factories.sequences import SOURCE, make_contacts, make_mailbox

GOOD = SOURCE
IMAGE = '<html><body><img src="https://example.com/a.png"><a href="{{ unsubscribeUrl }}">U</a>{{ workspace.address }}</body></html>'


def checked(campaign) -> Check:
    check = services.start_check(campaign)
    services.run_check(check.pk)
    check.refresh_from_db()
    return check


def found(check) -> dict[str, dict]:
    return {finding["code"]: finding for finding in check.findings}


def test_a_good_campaign_has_no_findings(workspace, at_nine):
    check = checked(make_campaign(workspace))
    assert (check.status, check.findings) == (Check.Status.COMPLETED, [])
    assert (check.recipients, check.rendered, check.finished_at) == (3, 3, at_nine)
    assert not check.has_errors
    assert not check.has_warnings


@pytest.mark.parametrize(
    ("changes", "code", "level"),
    [
        ({"lists": []}, "no_audience", "error"),
        ({"contacts": 0}, "no_recipients", "error"),
        ({"mailboxes": []}, "no_mailbox", "error"),
        ({"source": ""}, "no_content", "error"),
        ({"source": "<p>{{ firstName </p>"}, "template_error", "error"),
        ({"source": GOOD, "subject": ""}, "subject_empty", "error"),
        ({"source": GOOD, "subject": "x" * 90}, "subject_long", "warning"),
        ({"source": "<p>Hello</p>", "subject": "Hi"}, "no_unsubscribe_link", "error"),
        ({"source": "<p>{{ unsubscribeUrl }}</p>", "subject": "Hi"}, "no_postal_address", "warning"),
        ({"source": IMAGE, "subject": "Hi"}, "image_without_alt", "warning"),
        ({"source": GOOD + f"<!-- {'x' * 110_000} -->", "subject": "Hi"}, "too_large", "warning"),
        ({"source": GOOD.replace("example.com/offer", "intranet/offer"), "subject": "Hi"}, "broken_link", "warning"),
        ({"source": GOOD + "{{ nickname }}", "subject": "Hi"}, "unknown_field", "warning"),
    ],
)
def test_what_is_wrong_is_found(workspace, at_nine, changes, code, level):
    finding = found(checked(make_campaign(workspace, **changes)))[code]
    assert finding["level"] == level
    assert finding["message"]


def test_empty_merge_fields_are_counted_with_examples_of_contacts(workspace, at_nine):
    campaign = make_campaign(workspace, contacts=12)
    empty = Contact.objects.order_by("pk")[:8]
    Contact.objects.filter(pk__in=[contact.pk for contact in empty]).update(first_name="")
    finding = found(checked(campaign))["empty_field"]
    assert (finding["level"], finding["count"], finding["subject"]) == ("warning", 8, "firstName")
    assert finding["examples"][0] == {"contact": empty[0].pk, "email": "list0-0@example.com", "detail": ""}
    assert len(finding["examples"]) == 5


def test_a_default_is_enough_for_an_empty_field(workspace, at_nine):
    source = GOOD.replace("{{ firstName }}", "{{ firstName | default: 'there' }}")
    campaign = make_campaign(workspace, source=source, subject="Hello")
    Contact.objects.update(first_name="")
    assert checked(campaign).findings == []


def test_rendering_errors_warn_when_some_and_block_when_all_recipients_have_them(workspace, at_nine):
    source = GOOD + "{{ score | plus: 1 | divided_by: divisor }}"
    campaign = make_campaign(workspace, source=source, subject="Hi")
    contacts = list(Contact.objects.order_by("pk"))
    Contact.objects.update(attributes={"score": 1, "divisor": 2})
    Contact.objects.filter(pk=contacts[0].pk).update(attributes={"score": 1, "divisor": 0})
    finding = found(checked(campaign))["render_error"]
    assert (finding["level"], finding["count"]) == ("warning", 1)
    assert finding["examples"][0]["contact"] == contacts[0].pk
    assert finding["examples"][0]["detail"]

    Contact.objects.update(attributes={"score": 1, "divisor": 0})
    assert found(checked(campaign))["render_error"]["level"] == "error"


def test_suppressed_and_duplicate_contacts_are_told_and_stop_nothing(workspace, at_nine):
    contacts = make_contacts(workspace, 5)
    lists = [make_list(workspace, contacts[:4], name="One"), make_list(workspace, contacts[2:], name="Two")]
    Suppression.objects.create(workspace=workspace, email_key="person0@example.com", reason="manual")
    check = checked(make_campaign(workspace, lists=lists))
    assert (check.recipients, check.suppressed, check.rendered) == (4, 1, 4)
    findings = found(check)
    assert (findings["suppressed"]["level"], findings["suppressed"]["count"]) == ("info", 1)
    assert (findings["duplicates"]["level"], findings["duplicates"]["count"]) == ("info", 2)
    assert not check.has_warnings


def test_an_audience_that_is_suppressed_altogether_blocks(workspace, at_nine):
    campaign = make_campaign(workspace, contacts=1)
    Suppression.objects.create(workspace=workspace, email_key="list0-0@example.com", reason="manual")
    assert "suppressed" in found(checked(campaign))["no_recipients"]["message"]


def test_paused_mailboxes_warn_and_block_when_all_are(workspace, at_nine):
    mailboxes = [make_mailbox(workspace, name=name) for name in "ab"]
    campaign = make_campaign(workspace, mailboxes=mailboxes)
    Mailbox.objects.filter(pk=mailboxes[0].pk).update(status=Mailbox.Status.PAUSED)
    assert found(checked(campaign))["mailbox_paused"]["level"] == "warning"
    Mailbox.objects.update(status=Mailbox.Status.PAUSED)
    assert found(checked(campaign))["mailbox_paused"]["level"] == "error"


def test_a_schedule_that_has_passed_blocks(workspace, at_nine):
    campaign = make_campaign(workspace)
    Campaign.objects.update(send_at=at_nine - timedelta(hours=1))
    assert found(checked(campaign))["schedule_past"]["level"] == "error"


def test_links_that_differ_by_recipient_are_looked_at_as_they_became(workspace, at_nine):
    ContactField.objects.create(workspace=workspace, key="link", label="Link")
    source = GOOD.replace("https://example.com/offer", "{{ link }}")
    campaign = make_campaign(workspace, source=source, subject="Hi")
    Contact.objects.update(attributes={"link": "https://example.com/you"})
    assert checked(campaign).findings == []
    Contact.objects.filter(pk=Contact.objects.first().pk).update(attributes={"link": "www.example.com"})
    finding = found(checked(campaign))["broken_link"]
    assert finding["count"] >= 1
    assert finding["examples"][0]["detail"] == "www.example.com"


def test_a_broken_segment_is_a_finding_and_no_crash(workspace, at_nine):
    from contacts.models import Segment

    segment = Segment.objects.create(
        workspace=workspace,
        name="Broken",
        definition={"match": "all", "conditions": [{"field": "custom:gone", "operator": "is", "value": "x"}]},
    )
    check = checked(make_campaign(workspace, segments=[segment]))
    assert check.status == Check.Status.COMPLETED
    assert found(check)["broken_segment"]["level"] == "error"


def test_every_recipient_is_rendered_in_chunks_and_a_killed_check_goes_on(workspace, at_nine, monkeypatch):
    from campaigns.services import checks

    monkeypatch.setattr(checks, "CHUNK", 4)
    monkeypatch.setattr(checks, "SAVE_SECONDS", 0)
    campaign = make_campaign(workspace, contacts=10)
    Contact.objects.update(first_name="")
    original = checks._rows
    calls = []

    def die_at_the_third(ids):
        calls.append(ids)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(ids)

    monkeypatch.setattr(checks, "_rows", die_at_the_third)
    check = services.start_check(campaign)
    with pytest.raises(KeyboardInterrupt):
        services.run_check(check.pk)
    check.refresh_from_db()
    assert (check.status, check.rendered) == (Check.Status.RUNNING, 8)
    monkeypatch.setattr(checks, "_rows", original)

    services.run_check(check.pk)
    check.refresh_from_db()
    assert (check.status, check.rendered) == (Check.Status.COMPLETED, 10)
    assert found(check)["empty_field"]["count"] == 10


def test_a_check_that_breaks_off_says_so(workspace, at_nine, monkeypatch):
    from campaigns.services import checks

    def broken(campaign, findings):
        raise RuntimeError("boom")

    monkeypatch.setattr(checks, "check_settings", broken)
    check = services.start_check(make_campaign(workspace))
    with pytest.raises(RuntimeError):
        services.run_check(check.pk)
    check.refresh_from_db()
    assert (check.status, check.error) == (Check.Status.FAILED, "The check broke off: RuntimeError.")


def test_starting_a_check_twice_is_one_check_and_a_launched_campaign_has_none(workspace, at_nine):
    campaign = make_campaign(workspace)
    assert services.start_check(campaign) == services.start_check(campaign)
    services.launch_campaign(campaign)
    with pytest.raises(CampaignError):
        services.start_check(campaign)


def test_each_email_of_a_drip_is_checked_and_named(workspace, at_nine):
    steps = [
        {"kind": "email", "subject": "One", "source": GOOD},
        {"kind": "wait", "wait": timedelta(days=1)},
        {"kind": "email", "subject": "", "source": GOOD},
    ]
    check = checked(make_campaign(workspace, kind="drip", steps=steps))
    assert [finding["message"] for finding in check.findings] == ["Email 2: The subject is empty."]


def test_old_checks_are_thrown_away(workspace, at_nine, monkeypatch):
    from campaigns.services import checks

    monkeypatch.setattr(checks, "KEPT", 2)
    campaign = make_campaign(workspace)
    for _ in range(4):
        checked(campaign)
    assert campaign.checks.count() == 2


def test_what_the_dns_said_of_the_sending_domain_is_a_warning(workspace, mailbox, name_server, settings):
    campaign = make_campaign(workspace, lists=[make_list(workspace, make_contacts(workspace, 1))], mailbox=mailbox)
    assert "sending_domain" not in found(checked(campaign))
    domain = add_domain(workspace=workspace, name="example.com")
    check_domain(domain)
    findings = [row for row in checked(campaign).findings if row["code"] == "sending_domain"]
    assert {(row["level"], row["subject"], row["section"]) for row in findings} == {
        ("warning", f"{code} example.com", "sender") for code in ("spf", "dmarc", "mx")
    }
    assert any("example.com has no SPF record." in row["message"] for row in findings)
    settings.EMAIL_SANDBOX = ("127.0.0.1", 2525)
    assert "sending_domain" not in found(checked(campaign))


def test_mailboxes_that_are_too_slow_are_a_warning_with_the_date(workspace, at_nine):
    slow = make_mailbox(workspace, name="slow")
    Mailbox.objects.filter(pk=slow.pk).update(ramp_start=2, ramp_growth=1, ramp_unit="messages", ramp_target=50)
    campaign = make_campaign(workspace, contacts=9, mailboxes=[slow])
    finding = found(checked(campaign))["mailbox_capacity"]
    # 2 today, then 3, 4: the ninth is the last of the third day's four.
    last = at_nine.date() + timedelta(days=2)
    assert (finding["level"], finding["section"], finding["at"][:10]) == ("warning", "sender", last.isoformat())
    assert f"would leave on {last:%A} {last.day} {last:%B %Y}" in finding["message"]
    assert "slow@example.com has 9 of them, held by its warm-up." in finding["message"]

    # A second mailbox without a limit takes them all.
    campaign.mailboxes.add(make_mailbox(workspace, name="quick"))
    assert "mailbox_capacity" not in found(checked(campaign))


def test_what_waits_before_it_and_the_sending_hours_count(workspace, at_nine):
    mailbox = make_mailbox(workspace)
    Mailbox.objects.filter(pk=mailbox.pk).update(per_minute=1)
    campaign = make_campaign(workspace, contacts=150, mailboxes=[mailbox])
    finding = found(checked(campaign))["sending_time"]
    assert (finding["level"], finding["at"]) == ("info", (at_nine + timedelta(minutes=150)).isoformat())
    day = at_nine.weekday()
    Campaign.objects.filter(pk=campaign.pk).update(window={"weekdays": [day], "start": "09:00", "end": "11:00"})
    campaign.refresh_from_db()
    finding = found(checked(campaign))["mailbox_capacity"]
    assert (finding["level"], finding["at"]) == ("warning", (at_nine + timedelta(days=7, minutes=30)).isoformat())

    earlier = make_campaign(workspace, contacts=3, mailboxes=[mailbox])
    services.launch_campaign(earlier, accept_warnings=True)
    services.run_launch(earlier.pk)
    advance_due(now=at_nine)
    finding = found(checked(campaign))["mailbox_capacity"]
    assert finding["at"] == (at_nine + timedelta(days=7, minutes=33)).isoformat()


def test_mail_that_never_could_leave_has_no_date(workspace, at_nine):
    mailbox = make_mailbox(workspace)
    Mailbox.objects.filter(pk=mailbox.pk).update(per_day=1)
    finding = found(checked(make_campaign(workspace, contacts=400, mailboxes=[mailbox])))["mailbox_capacity"]
    assert "would not leave within a year" in finding["message"]
    assert finding["at"] == ""
