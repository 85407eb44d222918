from django.db import migrations


class Migration(migrations.Migration):
    """Positions come from a sequence: one that was given is never given again, whatever is deleted."""

    dependencies = [("core", "0001_initial")]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE core_fact_position", "DROP SEQUENCE core_fact_position"),
    ]
