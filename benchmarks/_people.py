"""Contacts by the hundred thousand, and campaigns to send to them, written by SQL: how they come about is not measured here."""

from django.db import connection

from benchmarks._mail import SOURCE, SUBJECT
from campaigns import services as campaigns
from campaigns.models import Campaign, Check
from contacts.models import List
from core import clock
from delivery import services
from team.models import Workspace
from templates_lib.models import Template, TemplateVersion

SENDER_DOMAIN = "sender.example"

# The same people as `_mail.attributes` makes, in one statement; the audit trail is left alone, as in an import.
_CONTACTS = """
INSERT INTO contacts_contact
    (workspace_id, email, email_key, first_name, last_name, company, locale, time_zone, attributes, created_at, updated_at)
SELECT %(workspace)s, 'person' || n || '@example.com', 'person' || n || '@example.com', 'Given' || n %% 977, 'Family',
    'Company ' || n %% 500 || ' Ltd', '', '', jsonb_build_object(
        'plan', (ARRAY['pro', 'free', 'trial'])[n %% 3 + 1], 'city', 'City ' || n %% 120,
        'items', (SELECT jsonb_agg(jsonb_build_object(
            'title', 'Product ' || (n * 7 + k) %% 900 || ' "special"', 'price', (n + k) %% 200 || '.99 EUR',
            'url', 'https://shop.example.com/p/' || (n * 7 + k) %% 900 || '?ref=news')) FROM generate_series(0, 3) k)),
    %(now)s, %(now)s
FROM generate_series(0, %(count)s - 1) n
"""


def make_workspace(slug: str) -> Workspace:
    """Write a workspace that may send."""
    return Workspace.objects.create(name=slug, slug=slug, company="Example Ltd", postal_address="1 Example Street")


def make_mailbox(workspace: Workspace, port: int) -> None:
    """Write a mailbox on the server of this machine at `port`."""
    services.create_mailbox(
        workspace=workspace,
        from_email=f"news@{SENDER_DOMAIN}",
        smtp_host="127.0.0.1",
        smtp_port=port,
        smtp_security="plain",
    )


def make_people(workspace: Workspace, count: int) -> List:
    """Write contacts and a list that holds them all."""
    everyone = List.objects.create(workspace=workspace, name=f"Everyone of {count}")
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute("SET drumbeat.bulk = 'on'")
        cursor.execute(_CONTACTS, {"workspace": workspace.pk, "count": count, "now": now})
        cursor.execute(
            "INSERT INTO contacts_listmember (list_id, contact_id, added_at)"
            " SELECT %s, id, %s FROM contacts_contact WHERE workspace_id = %s",
            [everyone.pk, now, workspace.pk],
        )
        cursor.execute("RESET drumbeat.bulk")
        cursor.execute("VACUUM ANALYZE contacts_contact, contacts_listmember")
    return everyone


def make_campaign(workspace: Workspace, everyone: List, name: str) -> Campaign:
    """Write a campaign to the list that is checked and ready to be launched."""
    template = Template.objects.create(workspace=workspace, name=f"Newsletter of {name}")
    template.current_version = TemplateVersion.objects.create(
        template=template, number=1, format="html", subject=SUBJECT, source=SOURCE
    )
    template.save(update_fields=["current_version"])
    campaign = campaigns.create_campaign(workspace=workspace, name=name, lists=[everyone], template=template)
    # The check renders the mail for everybody, which is no part of sending it.
    now = clock.now()
    Check.objects.create(
        campaign=campaign, campaign_version=campaign.version, status=Check.Status.COMPLETED, finished_at=now
    )
    return campaign
