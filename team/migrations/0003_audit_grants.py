from django.db import migrations


class Migration(migrations.Migration):
    """Grants on single objects are part of the trail; `team.services` says which workspace they are about."""

    dependencies = [
        ("team", "0002_audit"),
        ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more"),
    ]

    operations = [
        migrations.RunSQL(
            "SELECT audit_attach('guardian_userobjectpermission', NULL)",
            "SELECT audit_detach('guardian_userobjectpermission')",
        )
    ]
