import django.db.models.deletion
from django.db import migrations, models

import abtests.models


class Migration(migrations.Migration):
    """What a test tests, on whom and in which parts."""

    dependencies = [
        ("abtests", "0001_experiments"),
        ("delivery", "0011_threads"),
        ("templates_lib", "0002_audit"),
    ]

    operations = [
        migrations.AddField(
            model_name="experiment",
            name="days",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="For whoever comes by; empty: until it is decided.",
                null=True,
                verbose_name="at most so many days",
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="deadline_at",
            field=models.DateTimeField(editable=False, help_text="The last look; empty: not known yet.", null=True),
        ),
        migrations.AddField(
            model_name="experiment",
            name="design",
            field=models.CharField(
                choices=[
                    ("cells", "A part of the audience first, then the winner to the rest"),
                    ("continuous", "Whoever comes by, until it is decided"),
                    ("send_time", "Each arm at its own hour, by the recipient's clock"),
                ],
                default="cells",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="dimensions",
            field=models.JSONField(
                default=abtests.models.default_dimensions,
                help_text="Names of what differs; several make it factorial.",
                verbose_name="what is tested",
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="event_name",
            field=models.CharField(
                blank=True,
                default="",
                help_text="The custom event that is a conversion.",
                max_length=100,
                verbose_name="event",
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="largest_share",
            field=models.FloatField(
                default=1.0, help_text="At most this share of the audience gets the test.", verbose_name="largest share"
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="link_label",
            field=models.TextField(
                blank=True, default="", help_text="The URL as written in the email.", verbose_name="link"
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="mode",
            field=models.CharField(
                choices=[("test", "Find the best and prove it"), ("bandit", "More of what works, batch by batch")],
                default="test",
                max_length=6,
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="per_arm",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Empty: what proves the planned lead, or the list allows.",
                null=True,
                verbose_name="recipients an arm",
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="rule",
            field=models.CharField(
                choices=[
                    ("sequential", "After each part of what is planned"),
                    ("always_valid", "Every day, for as long as it takes"),
                    ("fixed", "Once, at the end"),
                ],
                default="sequential",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="experiment",
            name="spacing_minutes",
            field=models.PositiveIntegerField(
                default=60, help_text="0: all at once, judged once.", verbose_name="minutes between two parts"
            ),
        ),
        migrations.AddField(
            model_name="variant",
            name="from_name",
            field=models.CharField(blank=True, default="", max_length=150, verbose_name="sender's name"),
        ),
        migrations.AddField(
            model_name="variant",
            name="levels",
            field=models.JSONField(
                default=list, editable=False, help_text="Factorial: which level of each dimension, counted from 0."
            ),
        ),
        migrations.AddField(
            model_name="variant",
            name="preheader",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="variant",
            name="send_at",
            field=models.TimeField(
                blank=True, help_text="By the recipient's clock.", null=True, verbose_name="send time"
            ),
        ),
        migrations.AddField(
            model_name="variant",
            name="stopped_at",
            field=models.DateTimeField(editable=False, help_text="Nobody gets this arm any more.", null=True),
        ),
        migrations.AddField(
            model_name="variant",
            name="subject",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="variant",
            name="template_version",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="templates_lib.templateversion",
                verbose_name="content",
            ),
        ),
        migrations.AlterField(
            model_name="experiment",
            name="metric",
            field=models.CharField(
                choices=[
                    ("click", "Clicked"),
                    ("reply", "Replied"),
                    ("open", "Opened"),
                    ("link", "Clicked on one link"),
                    ("conversion", "Did something afterwards"),
                ],
                default="click",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="variant",
            name="mailing",
            field=models.OneToOneField(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="delivery.mailing",
            ),
        ),
        migrations.CreateModel(
            name="ExperimentBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("release_at", models.DateTimeField()),
                ("released_at", models.DateTimeField(editable=False, null=True)),
                ("size", models.PositiveIntegerField(default=0, help_text="Recipients of all arms.")),
                ("weights", models.JSONField(help_text="The arms' shares; null: equal.", null=True)),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="abtests.experiment"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "experiment batches",
                "ordering": ["experiment", "number"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("released_at__isnull", True)),
                        fields=["release_at"],
                        name="experiment_batch_due",
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("experiment", "number"), name="experiment_batch_once")],
            },
        ),
    ]
