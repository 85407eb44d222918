import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """An email may hold a test."""

    dependencies = [
        ("abtests", "0002_designs"),
        ("sequences", "0012_stops"),
    ]

    operations = [
        migrations.AddField(
            model_name="step",
            name="experiment",
            field=models.ForeignKey(
                editable=False,
                help_text="Decides which of its versions each contact gets; the step's own content is what they differ from.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="steps",
                to="abtests.experiment",
                verbose_name="A/B test",
            ),
        ),
    ]
