"""What Django's models can't say: room on the page for HOT updates, and the audit trail of mailboxes."""

from django.db import migrations

ROOM = """
-- A message is updated soon after it is written and grows by the server's reply: room is left so that the new version
-- fits on the page beside the old one and no index is touched (HOT).
ALTER TABLE delivery_message SET (fillfactor = 35, autovacuum_vacuum_insert_scale_factor = 0.05);
-- A few rows an hour that are updated by every batch.
ALTER TABLE delivery_counter SET (fillfactor = 50);
ALTER TABLE delivery_mailboxcounter SET (fillfactor = 50);
ALTER TABLE delivery_linkcounter SET (fillfactor = 50);
"""

DEFAULT_ROOM = """
ALTER TABLE delivery_message RESET (fillfactor, autovacuum_vacuum_insert_scale_factor);
ALTER TABLE delivery_counter RESET (fillfactor);
ALTER TABLE delivery_mailboxcounter RESET (fillfactor);
ALTER TABLE delivery_linkcounter RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_initial"), ("team", "0002_audit")]

    operations = [
        migrations.RunSQL(ROOM, DEFAULT_ROOM),
        migrations.RunSQL(
            "SELECT audit_attach('delivery_mailbox', 'workspace_id',"
            " ARRAY['retry_at', 'failing_since', 'failures', 'last_error'])",
            "SELECT audit_detach('delivery_mailbox')",
        ),
    ]
