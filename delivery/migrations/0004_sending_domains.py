"""The domains that mail is sent from, and their DKIM keys; the mailboxes that exist bring theirs."""

import django.db.models.deletion
import idna
from django.db import migrations, models

import core.clock


def add_domains_of_mailboxes(apps, schema_editor):
    mailboxes = apps.get_model("delivery", "Mailbox").objects.filter(archived_at=None)
    found = set()
    for workspace_id, email in mailboxes.values_list("workspace_id", "from_email").iterator():
        try:
            name = idna.encode(email.rpartition("@")[2].lower(), uts46=True, std3_rules=True).decode()
        except (idna.IDNAError, UnicodeError):
            continue
        found.add((workspace_id, name))
    model = apps.get_model("delivery", "SendingDomain")
    model.objects.bulk_create(model(workspace_id=workspace_id, name=name) for workspace_id, name in sorted(found))


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0003_pacing"),
        ("team", "0003_audit_grants"),
    ]

    operations = [
        migrations.CreateModel(
            name="SendingDomain",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="In ASCII, lower case.", max_length=253, verbose_name="domain")),
                (
                    "selectors",
                    models.PositiveIntegerField(
                        default=0, editable=False, help_text="Used so far; none is used twice."
                    ),
                ),
                ("checked_at", models.DateTimeField(editable=False, null=True)),
                (
                    "checks",
                    models.JSONField(default=list, editable=False, help_text="Items of delivery.domains.checklist."),
                ),
                ("created_at", models.DateTimeField(default=core.clock.now, editable=False)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="DkimKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "algorithm",
                    models.CharField(choices=[("rsa", "RSA, 2048 bits"), ("ed25519", "Ed25519")], max_length=7),
                ),
                ("selector", models.CharField(max_length=63)),
                ("public", models.TextField(help_text="What the p= tag of its record holds.")),
                ("private_encrypted", models.TextField(blank=True, default="", editable=False)),
                (
                    "status",
                    models.CharField(
                        choices=[("pending", "Waiting for its record"), ("active", "Signing"), ("retired", "Replaced")],
                        default="pending",
                        max_length=7,
                    ),
                ),
                (
                    "seen_at",
                    models.DateTimeField(
                        editable=False, help_text="When its record was last seen in the DNS.", null=True
                    ),
                ),
                ("activated_at", models.DateTimeField(editable=False, null=True)),
                ("retired_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(default=core.clock.now, editable=False)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="team.workspace"
                    ),
                ),
                (
                    "domain",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="keys", to="delivery.sendingdomain"
                    ),
                ),
            ],
            options={
                "verbose_name": "DKIM key",
                "ordering": ["-id"],
            },
        ),
        migrations.AddConstraint(
            model_name="sendingdomain",
            constraint=models.UniqueConstraint(fields=("workspace", "name"), name="sending_domain_once"),
        ),
        migrations.AddConstraint(
            model_name="dkimkey",
            constraint=models.UniqueConstraint(fields=("domain", "selector"), name="dkim_selector_once"),
        ),
        migrations.AddConstraint(
            model_name="dkimkey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "active")), fields=("domain", "algorithm"), name="dkim_one_active_key"
            ),
        ),
        migrations.RunSQL(
            """
            SELECT audit_attach('delivery_sendingdomain', 'workspace_id', ARRAY['checked_at', 'checks']);
            SELECT audit_attach('delivery_dkimkey', 'workspace_id', ARRAY['seen_at']);
            """,
            "SELECT audit_detach('delivery_sendingdomain'); SELECT audit_detach('delivery_dkimkey');",
        ),
        migrations.RunPython(add_domains_of_mailboxes, migrations.RunPython.noop),
    ]
