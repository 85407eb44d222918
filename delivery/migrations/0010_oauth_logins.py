"""Mailboxes that log in by an OAuth access token."""

import django.db.models.deletion
from django.db import migrations, models

import core.clock


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0009_own_fields"),
        ("team", "0005_audit_skips_bulk"),
    ]

    operations = [
        migrations.CreateModel(
            name="OAuthLogin",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "token_url",
                    models.URLField(
                        blank=True,
                        default="",
                        help_text="Where access tokens are renewed; empty: they are entered by hand.",
                        max_length=500,
                        verbose_name="token endpoint",
                    ),
                ),
                ("client_id", models.CharField(blank=True, default="", max_length=500, verbose_name="client ID")),
                ("client_secret_encrypted", models.TextField(blank=True, default="", editable=False)),
                (
                    "scope",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Asked for with each token, if the provider wants that.",
                        max_length=1000,
                    ),
                ),
                ("created_at", models.DateTimeField(default=core.clock.now, editable=False)),
                (
                    "mailbox",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="oauth_login", to="delivery.mailbox"
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"
                    ),
                ),
            ],
            options={
                "verbose_name": "OAuth login",
            },
        ),
        migrations.CreateModel(
            name="OAuthToken",
            fields=[
                (
                    "login",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="token",
                        serialize=False,
                        to="delivery.oauthlogin",
                    ),
                ),
                ("access_encrypted", models.TextField(blank=True, default="", editable=False)),
                ("refresh_encrypted", models.TextField(blank=True, default="", editable=False)),
                ("obtained_at", models.DateTimeField(editable=False, null=True)),
                ("expires_at", models.DateTimeField(editable=False, help_text="Empty: not known.", null=True)),
                ("renewing_until", models.DateTimeField(editable=False, null=True)),
            ],
        ),
        migrations.RunSQL(
            "SELECT audit_attach('delivery_oauthlogin', 'workspace_id')",
            "SELECT audit_detach('delivery_oauthlogin')",
        ),
    ]
