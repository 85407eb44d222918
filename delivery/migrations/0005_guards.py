"""How a mailbox's last messages ended, for the guards."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0004_sending_domains"),
    ]

    operations = [
        migrations.CreateModel(
            name="MailboxPulse",
            fields=[
                (
                    "mailbox",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="pulse",
                        serialize=False,
                        to="delivery.mailbox",
                    ),
                ),
                (
                    "outcomes",
                    models.TextField(
                        db_default="",
                        default="",
                        help_text="A letter a message, oldest first (delivery.pacing.guards).",
                    ),
                ),
            ],
        ),
        # One row a mailbox that every batch updates.
        migrations.RunSQL(
            "ALTER TABLE delivery_mailboxpulse SET (fillfactor = 30)",
            "ALTER TABLE delivery_mailboxpulse RESET (fillfactor)",
        ),
    ]
