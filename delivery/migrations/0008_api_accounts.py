"""Mailboxes that send by a provider's API."""

import django.db.models.deletion
from django.db import migrations, models

import core.clock


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0007_message_without_constraints"),
        ("team", "0003_audit_grants"),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "provider",
                    models.CharField(help_text="A key of delivery.esp.providers.", max_length=20),
                ),
                ("key_encrypted", models.TextField(editable=False)),
                (
                    "domain",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="As the provider knows it, if it asks for one.",
                        max_length=253,
                        verbose_name="sending domain",
                    ),
                ),
                ("region", models.CharField(blank=True, default="", max_length=10)),
                ("created_at", models.DateTimeField(default=core.clock.now, editable=False)),
                (
                    "mailbox",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="api_account", to="delivery.mailbox"
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"
                    ),
                ),
            ],
            options={"verbose_name": "API account"},
        ),
        migrations.RunSQL(
            "SELECT audit_attach('delivery_apiaccount', 'workspace_id')",
            "SELECT audit_detach('delivery_apiaccount')",
        ),
    ]
