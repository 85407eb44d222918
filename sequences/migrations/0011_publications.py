import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """How published changes reach the people on their way; deciding on one is part of the trail, its progress isn't."""

    dependencies = [("sequences", "0010_outbox")]

    operations = [
        migrations.AlterField(
            model_name="enrolment",
            name="version",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="sequences.version",
            ),
        ),
        migrations.CreateModel(
            name="Publication",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "policy",
                    models.CharField(
                        choices=[
                            ("migrate", "Move everybody to the new steps"),
                            ("finish_old", "Let them finish the old steps"),
                            ("exit", "End their way"),
                        ],
                        default="migrate",
                        max_length=10,
                    ),
                ),
                ("by", models.CharField(blank=True, default="", help_text="Who published it.", max_length=200)),
                ("people", models.PositiveIntegerField(default=0, help_text="On the way when it was published.")),
                ("moved", models.PositiveIntegerField(default=0)),
                (
                    "position",
                    models.BigIntegerField(default=0, editable=False, help_text="The last contact that was moved."),
                ),
                ("published_at", models.DateTimeField()),
                ("moved_at", models.DateTimeField(help_text="When the last of them was moved.", null=True)),
                (
                    "finished_at",
                    models.DateTimeField(help_text="When the mail in the queue was the new one, too.", null=True),
                ),
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="publication",
                        to="sequences.version",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("finished_at__isnull", True)),
                        fields=["id"],
                        name="publication_unfinished",
                    )
                ],
            },
        ),
        migrations.RunSQL(
            """
            SELECT audit_attach(
                'sequences_publication', 'version_id:sequences_version:sequence_id:sequences_sequence',
                '{moved,position,moved_at,finished_at}');
            """,
            "SELECT audit_detach('sequences_publication');",
        ),
    ]
