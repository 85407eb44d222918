"""Windows, quiet hours, frequency caps, the pace of receiving domains, and a mailbox's last minute."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0005_guards"),
        ("team", "0003_audit_grants"),
    ]

    operations = [
        migrations.CreateModel(
            name="SendingRules",
            fields=[
                (
                    "workspace",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="sending_rules",
                        serialize=False,
                        to="team.workspace",
                    ),
                ),
                (
                    "quiet_from",
                    models.TimeField(blank=True, help_text="By the recipient's clock, or the workspace's.", null=True),
                ),
                ("quiet_until", models.TimeField(blank=True, null=True)),
                (
                    "most_messages",
                    models.PositiveSmallIntegerField(
                        blank=True, help_text="At most so many …", null=True, verbose_name="messages to one contact"
                    ),
                ),
                (
                    "most_days",
                    models.PositiveSmallIntegerField(default=7, help_text="… in so many days.", verbose_name="days"),
                ),
            ],
            options={
                "verbose_name_plural": "sending rules",
            },
        ),
        migrations.AddField(
            model_name="mailboxpulse",
            name="before_sent",
            field=models.IntegerField(db_default=0, default=0, help_text="Messages offered in the minute before it."),
        ),
        migrations.AddField(
            model_name="mailboxpulse",
            name="minute",
            field=models.DateTimeField(help_text="The minute in which it sent last.", null=True),
        ),
        migrations.AddField(
            model_name="mailboxpulse",
            name="minute_sent",
            field=models.IntegerField(db_default=0, default=0, help_text="Messages offered in that minute."),
        ),
        migrations.AddField(
            model_name="mailing",
            name="window",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text='When it may leave: {"weekdays": [0], "start": "09:00", "end": "17:00"}.',
            ),
        ),
        migrations.CreateModel(
            name="DomainPace",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("domain", models.CharField(max_length=253)),
                (
                    "per_minute",
                    models.FloatField(help_text="Messages a minute at `changed_at`; it recovers slowly from there."),
                ),
                ("changed_at", models.DateTimeField()),
                ("next_at", models.DateTimeField(help_text="The next free slot.")),
                ("last_reply", models.TextField(blank=True, default="")),
                (
                    "mailbox",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="domain_paces",
                        to="delivery.mailbox",
                    ),
                ),
            ],
            options={
                "ordering": ["domain"],
                "constraints": [models.UniqueConstraint(fields=("mailbox", "domain"), name="domain_pace_once")],
            },
        ),
        migrations.RunSQL(
            "SELECT audit_attach('delivery_sendingrules', 'workspace_id')",
            "SELECT audit_detach('delivery_sendingrules')",
        ),
    ]
