import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import abtests.models
import core.clock


class Migration(migrations.Migration):
    """Tests, their arms and looks; what people decide about them is part of the trail."""

    initial = True

    dependencies = [
        ("contacts", "0005_tags"),
        ("delivery", "0009_own_fields"),
        ("team", "0005_audit_skips_bulk"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Experiment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                (
                    "key",
                    models.CharField(
                        default=abtests.models.new_key,
                        editable=False,
                        help_text="Contacts' arms are drawn with it.",
                        max_length=16,
                        unique=True,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("planned", "Planned"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("decided", "Decided"),
                            ("stopped", "Stopped"),
                        ],
                        default="planned",
                        editable=False,
                        max_length=7,
                    ),
                ),
                (
                    "metric",
                    models.CharField(
                        choices=[("click", "Clicked"), ("reply", "Replied"), ("open", "Opened")],
                        default="click",
                        max_length=5,
                    ),
                ),
                (
                    "window_hours",
                    models.PositiveSmallIntegerField(
                        help_text="Hours after their own send until a recipient counts.", verbose_name="window"
                    ),
                ),
                (
                    "base",
                    models.FloatField(
                        help_text="Share of those sent to that responds anyway.", verbose_name="base rate"
                    ),
                ),
                (
                    "lead",
                    models.FloatField(
                        help_text="Share of those sent to by which a better arm must lead to matter.",
                        verbose_name="planned lead",
                    ),
                ),
                (
                    "batches",
                    models.PositiveSmallIntegerField(default=6, help_text="In how many parts the test goes out."),
                ),
                (
                    "without_proof",
                    models.CharField(
                        choices=[
                            ("leader", "The leader"),
                            ("control", "The control"),
                            ("equal", "Equal parts of all"),
                            ("bandit", "More of what works, batch by batch"),
                            ("ask", "Ask me"),
                        ],
                        default="leader",
                        help_text="What the rest gets if nothing is proven.",
                        max_length=7,
                    ),
                ),
                ("created_at", models.DateTimeField(default=core.clock.now, editable=False)),
                ("started_at", models.DateTimeField(editable=False, null=True)),
                ("decided_at", models.DateTimeField(editable=False, null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True, default="", editable=False, help_text="The last verdict, or by_hand.", max_length=30
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Variant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
                ("name", models.CharField(max_length=100)),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="variants", to="abtests.experiment"
                    ),
                ),
                (
                    "mailing",
                    models.OneToOneField(
                        null=True, on_delete=django.db.models.deletion.RESTRICT, related_name="+", to="delivery.mailing"
                    ),
                ),
            ],
            options={
                "ordering": ["experiment", "position"],
            },
        ),
        migrations.AddField(
            model_name="experiment",
            name="winner",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="abtests.variant",
            ),
        ),
        migrations.CreateModel(
            name="Assignment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("batch", models.PositiveSmallIntegerField(null=True)),
                (
                    "contact",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="contacts.contact",
                    ),
                ),
                (
                    "experiment",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="assignments",
                        to="abtests.experiment",
                    ),
                ),
                (
                    "variant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="assignments",
                        to="abtests.variant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Look",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("looked_at", models.DateTimeField()),
                ("question", models.JSONField(help_text="abtests.statistics.records.Question")),
                ("verdict", models.JSONField(help_text="abtests.statistics.Verdict")),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="looks", to="abtests.experiment"
                    ),
                ),
            ],
            options={
                "ordering": ["experiment", "number"],
                "constraints": [models.UniqueConstraint(fields=("experiment", "number"), name="look_number_once")],
            },
        ),
        migrations.AddConstraint(
            model_name="variant",
            constraint=models.UniqueConstraint(fields=("experiment", "position"), name="variant_position_once"),
        ),
        migrations.AddConstraint(
            model_name="variant",
            constraint=models.CheckConstraint(condition=models.Q(("position__lt", 8)), name="variant_at_most_eight"),
        ),
        migrations.AddConstraint(
            model_name="assignment",
            constraint=models.UniqueConstraint(fields=("experiment", "contact"), name="assignment_once"),
        ),
        migrations.RunSQL(
            """
            SELECT audit_attach('abtests_experiment', 'workspace_id');
            SELECT audit_attach('abtests_variant', 'experiment_id:abtests_experiment');
            """,
            "SELECT audit_detach('abtests_experiment'); SELECT audit_detach('abtests_variant');",
        ),
    ]
