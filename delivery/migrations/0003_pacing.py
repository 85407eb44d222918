"""Limits and warm-up of mailboxes, their days, and why a batch waits."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0002_ledger"),
        ("team", "0003_audit_grants"),
    ]

    operations = [
        migrations.CreateModel(
            name="MailboxDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("cap", models.PositiveIntegerField(help_text="The day's limit; empty: there was none.", null=True)),
                (
                    "step",
                    models.PositiveSmallIntegerField(
                        help_text="The step of the warm-up; empty: there was none.", null=True
                    ),
                ),
                (
                    "sent",
                    models.IntegerField(
                        db_default=0, default=0, help_text="Messages offered to the server: they count to the cap."
                    ),
                ),
                ("accepted", models.IntegerField(db_default=0, default=0)),
                ("bounced", models.IntegerField(db_default=0, default=0, help_text="Hard bounces.")),
                ("complained", models.IntegerField(db_default=0, default=0)),
                ("last_sent_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-day"],
            },
        ),
        migrations.AddField(
            model_name="batch",
            name="reason",
            field=models.CharField(
                db_default="",
                default="",
                help_text="Why it is due later than asked for: a code of delivery.reasons.",
                max_length=40,
            ),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="per_day",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="messages a day"),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="per_minute",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="messages a minute"),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="per_second",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="messages a second"),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="ramp_growth",
            field=models.PositiveIntegerField(default=20, verbose_name="warm-up: growth a day"),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="ramp_since",
            field=models.DateTimeField(editable=False, help_text="When the warm-up was switched on.", null=True),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="ramp_start",
            field=models.PositiveIntegerField(
                blank=True, help_text="Empty: no warm-up.", null=True, verbose_name="warm-up: messages on the first day"
            ),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="ramp_target",
            field=models.PositiveIntegerField(default=5000, verbose_name="warm-up: messages a day in the end"),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="ramp_unit",
            field=models.CharField(
                choices=[("messages", "Messages"), ("percent", "Percent")],
                default="percent",
                max_length=8,
                verbose_name="warm-up: growth in",
            ),
        ),
        migrations.AddField(
            model_name="mailbox",
            name="time_zone",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Whose midnight starts a new day; empty: the workspace's.",
                max_length=64,
            ),
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(condition=models.Q(("state", 0)), fields=["mailbox", "due_at"], name="batch_line"),
        ),
        migrations.AddField(
            model_name="mailboxday",
            name="mailbox",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="days", to="delivery.mailbox"
            ),
        ),
        migrations.AddConstraint(
            model_name="mailboxday",
            constraint=models.UniqueConstraint(fields=("mailbox", "day"), name="mailbox_day_once"),
        ),
        # A few rows a mailbox that every batch updates.
        migrations.RunSQL(
            "ALTER TABLE delivery_mailboxday SET (fillfactor = 50)",
            "ALTER TABLE delivery_mailboxday RESET (fillfactor)",
        ),
    ]
