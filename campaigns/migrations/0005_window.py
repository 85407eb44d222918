"""The sending hours of campaigns."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0004_lost_audience"),
    ]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="window",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text='Sending hours by the recipient\'s clock: {"weekdays": [0], "start": "09:00", "end": "17:00"}; {}: any.',
            ),
        ),
    ]
