"""The permission to send, which a campaign can be shared with."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0005_window"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="campaign",
            options={"ordering": ["-id"], "permissions": [("send_campaign", "Can send campaign")]},
        ),
    ]
