import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What is done by hand to people on their way; each deed is part of the trail."""

    dependencies = [("sequences", "0007_draft_edits")]

    operations = [
        migrations.CreateModel(
            name="Intervention",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "deed",
                    models.CharField(
                        choices=[
                            ("move", "Moved to a step"),
                            ("skip", "Let skip a wait"),
                            ("stop", "Stopped"),
                            ("restart", "Restarted"),
                        ],
                        max_length=7,
                    ),
                ),
                ("to_step", models.CharField(blank=True, default="", max_length=20, verbose_name="step")),
                ("people", models.PositiveIntegerField()),
                ("made_at", models.DateTimeField()),
                ("undone_at", models.DateTimeField(null=True)),
                (
                    "sequence",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="sequences.sequence"
                    ),
                ),
            ],
            options={"ordering": ["-id"]},
        ),
        migrations.CreateModel(
            name="Intervened",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("before", models.JSONField()),
                ("after", models.JSONField()),
                (
                    "enrolment",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="sequences.enrolment",
                    ),
                ),
                (
                    "intervention",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="enrolments",
                        to="sequences.intervention",
                    ),
                ),
            ],
            options={"ordering": ["id"]},
        ),
        migrations.RunSQL(
            "SELECT audit_attach('sequences_intervention', 'sequence_id:sequences_sequence');",
            "SELECT audit_detach('sequences_intervention');",
        ),
    ]
