from django.db import migrations

TABLES = ("lists", "segments", "excluded_lists", "excluded_segments", "mailboxes")


class Migration(migrations.Migration):
    """Who a campaign goes to, and from which mailboxes, is part of the trail."""

    dependencies = [("campaigns", "0002_audit")]

    operations = [
        migrations.RunSQL(
            f"SELECT audit_attach('campaigns_campaign_{table}', 'campaign_id:campaigns_campaign')",
            f"SELECT audit_detach('campaigns_campaign_{table}')",
        )
        for table in TABLES
    ]
