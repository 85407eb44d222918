"""The audit trail of the library.  A version's sources are long and kept for ever anyway, so the trail leaves them out."""

from django.db import migrations

FORWARD = """
SELECT audit_attach('templates_lib_category', 'workspace_id');
SELECT audit_attach('templates_lib_template', 'workspace_id', '{updated_at}');
SELECT audit_attach('templates_lib_templateversion', 'template_id:templates_lib_template', '{source,text_source}');
SELECT audit_attach('templates_lib_asset', 'workspace_id');
"""

BACKWARD = """
SELECT audit_detach('templates_lib_category');
SELECT audit_detach('templates_lib_template');
SELECT audit_detach('templates_lib_templateversion');
SELECT audit_detach('templates_lib_asset');
"""


class Migration(migrations.Migration):
    dependencies = [("templates_lib", "0001_initial"), ("team", "0002_audit")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
