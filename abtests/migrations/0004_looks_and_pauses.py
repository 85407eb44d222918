from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """When a look is due, and what a pause does to it."""

    dependencies = [
        ("abtests", "0003_summary"),
        ("team", "0005_audit_skips_bulk"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="experiment",
            name="look_at",
            field=models.DateTimeField(
                editable=False, help_text="When it is asked again whether a look is due.", null=True
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="paused_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="experiment",
            name="paused_with_campaign",
            field=models.BooleanField(default=False, editable=False, help_text="It goes on with the campaign."),
        ),
        migrations.AddField(
            model_name="experimentbatch",
            name="is_drawn",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="Its people get their arms when it goes out, not when the test begins.",
            ),
        ),
        migrations.AddField(
            model_name="experimentbatch",
            name="matured_at",
            field=models.DateTimeField(
                editable=False, help_text="When the window of all its recipients was found closed.", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="experiment",
            index=models.Index(
                condition=models.Q(("state", "running")), fields=["look_at"], name="experiment_look_due"
            ),
        ),
        # When a test is asked next is no decision of anybody.
        migrations.RunSQL(
            "SELECT audit_detach('abtests_experiment'); SELECT audit_attach('abtests_experiment', 'workspace_id', '{look_at}')",
            "SELECT audit_detach('abtests_experiment'); SELECT audit_attach('abtests_experiment', 'workspace_id')",
        ),
    ]
