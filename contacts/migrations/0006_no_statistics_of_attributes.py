from django.db import migrations


class Migration(migrations.Migration):
    """No query is planned by what the custom fields hold as a whole, and gathering it was half of each ANALYZE of the contacts.

    Sending to everybody changes every contact (`last_sent_at`), so autovacuum analyzes them again and again.
    """

    dependencies = [("contacts", "0005_tags")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE contacts_contact ALTER COLUMN attributes SET STATISTICS 0",
            "ALTER TABLE contacts_contact ALTER COLUMN attributes SET STATISTICS DEFAULT",
        )
    ]
