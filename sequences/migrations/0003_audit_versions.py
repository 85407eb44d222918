from django.db import migrations


class Migration(migrations.Migration):
    """Sequences and the publishing of their versions are part of the trail."""

    dependencies = [("sequences", "0002_storage")]

    operations = [
        migrations.RunSQL(
            """
            SELECT audit_attach('sequences_sequence', 'workspace_id', '{swept_at}');
            SELECT audit_attach('sequences_version', 'sequence_id:sequences_sequence');
            """,
            "SELECT audit_detach('sequences_sequence'); SELECT audit_detach('sequences_version');",
        )
    ]
