"""The audit trail of campaigns."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial"), ("team", "0002_audit")]

    operations = [
        migrations.RunSQL(
            "SELECT audit_attach('campaigns_campaign', 'workspace_id', ARRAY['version'])",
            "SELECT audit_detach('campaigns_campaign')",
        )
    ]
