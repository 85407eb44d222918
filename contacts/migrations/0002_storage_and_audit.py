"""Room for HOT updates, and the audit trail of everything people change.

Sending and tracking update contacts in place (`last_sent_at`, `last_opened_at`, `last_clicked_at`); a fifth of each page is
kept free for that. The progress columns of an import change at every chunk.
"""

from django.db import migrations

FORWARD = """
ALTER TABLE contacts_contact SET (fillfactor = 80);
ALTER TABLE contacts_import SET (fillfactor = 50);
SELECT audit_attach('contacts_contact', 'workspace_id', '{email_key,last_sent_at,last_opened_at,last_clicked_at}');
SELECT audit_attach('contacts_contactfield', 'workspace_id');
SELECT audit_attach('contacts_list', 'workspace_id');
SELECT audit_attach('contacts_listmember', 'list_id:contacts_list');
SELECT audit_attach('contacts_segment', 'workspace_id');
SELECT audit_attach('contacts_suppression', 'workspace_id');
SELECT audit_attach(
    'contacts_import', 'workspace_id',
    '{processed_bytes,processed,created,updated,unchanged,skipped,duplicates,rejected,progressed_at,started_at}'
);
"""

BACKWARD = """
SELECT audit_detach('contacts_contact');
SELECT audit_detach('contacts_contactfield');
SELECT audit_detach('contacts_list');
SELECT audit_detach('contacts_listmember');
SELECT audit_detach('contacts_segment');
SELECT audit_detach('contacts_suppression');
SELECT audit_detach('contacts_import');
ALTER TABLE contacts_contact RESET (fillfactor);
ALTER TABLE contacts_import RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("contacts", "0001_initial"), ("team", "0002_audit")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
