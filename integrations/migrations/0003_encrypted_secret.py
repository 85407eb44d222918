from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0002_event_sources"),
    ]

    operations = [
        migrations.RenameField("eventsource", "secret", "secret_encrypted"),
        migrations.AlterField(
            "eventsource",
            "secret_encrypted",
            models.TextField("secret", editable=False, help_text="Signs what the source sends."),
        ),
    ]
