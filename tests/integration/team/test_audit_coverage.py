"""Every table is either watched by the audit trail or left out for a reason that is written here."""

import pytest
from django.apps import apps
from django.db import connection

pytestmark = pytest.mark.django_db

LEFT_OUT = {
    "written by machines, a row for each message, hit, fact or call": {
        "abtests_assignment", "abtests_experimentbatch", "abtests_look", "campaigns_arrival", "campaigns_heldout", "campaigns_segmentmember", "core_fact", "core_factcursor", "core_factfailure", "delivery_attempt", "delivery_batch", "delivery_counter",
        "delivery_domainpace", "delivery_link", "delivery_linkcounter", "delivery_mailboxcounter", "delivery_mailboxday",
        "delivery_mailboxpulse", "delivery_responsecounter", "delivery_message", "delivery_messagefields", "delivery_oauthtoken", "integrations_idempotencykey", "integrations_webhookdelivery",
        "sequences_decision", "sequences_enrolment", "sequences_outboxitem", "tracking_bufferedhit", "tracking_customevent", "tracking_drainedchunk",
        "tracking_event",
    },
    "the outcome of something that is in the trail itself": {
        "campaigns_check", "campaigns_launch", "contacts_importedcontact", "contacts_importrejection", "delivery_mailing",
        "sequences_intervened",
    },
    "a log of its own": {"campaigns_edit", "campaigns_signup", "contacts_deletedcontact", "sequences_draftedit", "team_auditentry"},
    "not used: roles are per workspace": {
        "guardian_groupobjectpermission", "team_user_groups", "team_user_user_permissions",
    },
}  # fmt: skip
LABELS = {config.label for config in apps.get_app_configs() if not config.name.startswith(("django", "rest", "drf"))}


def test_every_table_is_watched_or_left_out_for_a_reason():
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'audit'")
        watched = {name for (name,) in cursor.fetchall()}
    tables = {
        model._meta.db_table for model in apps.get_models(include_auto_created=True) if model._meta.app_label in LABELS
    }

    assert tables - watched == set().union(*LEFT_OUT.values())
