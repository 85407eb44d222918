"""Room on the page for enrolments, which are updated at every step, and the audit trail of steps."""

from django.db import migrations

CREATE = """
ALTER TABLE sequences_enrolment SET (
    fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2
);
SELECT audit_attach('sequences_step', 'version_id:sequences_version:sequence_id:sequences_sequence');
"""

DROP = """
SELECT audit_detach('sequences_step');
ALTER TABLE sequences_enrolment RESET (
    fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor
);
"""


class Migration(migrations.Migration):
    dependencies = [("sequences", "0001_initial"), ("team", "0002_audit")]

    operations = [migrations.RunSQL(CREATE, DROP)]
