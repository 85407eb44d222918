from django.db import migrations, models


class Migration(migrations.Migration):
    """A launch goes part by part where an A/B test does."""

    dependencies = [
        ("campaigns", "0010_labels_of_triggers"),
    ]

    operations = [
        migrations.AddField(
            model_name="launch",
            name="part",
            field=models.PositiveSmallIntegerField(
                help_text="The part of an A/B test that is being enrolled; empty: everybody (else).", null=True
            ),
        ),
        migrations.AddField(
            model_name="launch",
            name="waits_for_test",
            field=models.BooleanField(default=False, help_text="Until the test's next part goes out, or its verdict."),
        ),
        migrations.AlterField(
            model_name="launch",
            name="last_contact_id",
            field=models.BigIntegerField(default=0, help_text="The position within that part."),
        ),
    ]
