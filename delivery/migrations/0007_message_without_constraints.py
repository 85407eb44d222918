import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Checking a message's three parents one by one costs as much as writing it with all its indexes."""

    dependencies = [("delivery", "0006_sending_rules"), ("team", "0004_labels")]

    operations = [
        migrations.AlterField(
            "message",
            "workspace",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="team.workspace",
            ),
        ),
        migrations.AlterField(
            "message",
            "mailing",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="delivery.mailing",
            ),
        ),
        migrations.AlterField(
            "message",
            "mailbox",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="+",
                to="delivery.mailbox",
            ),
        ),
    ]
