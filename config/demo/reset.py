"""Taking the old demo workspace away, in an order that the foreign keys allow."""

from django.db import connection, transaction

from abtests.models import Experiment
from campaigns.models import Campaign
from delivery.models import Mailing
from sequences.models import Sequence
from team.models import Workspace
from templates_lib.models import Template

# Each statement takes the workspace's id.  Set-based: the ORM would first load 20,000 messages to delete them.
STATEMENTS = (
    "DELETE FROM tracking_event WHERE workspace_id = %s",
    "DELETE FROM core_fact WHERE workspace_id = %s",
    "DELETE FROM sequences_enrolment WHERE sequence_id IN (SELECT id FROM sequences_sequence WHERE workspace_id = %s)",
    "DELETE FROM abtests_assignment WHERE experiment_id IN (SELECT id FROM abtests_experiment WHERE workspace_id = %s)",
    "DELETE FROM delivery_attempt WHERE message_id IN (SELECT id FROM delivery_message WHERE workspace_id = %s)",
    "DELETE FROM delivery_message WHERE workspace_id = %s",
    """
    DELETE FROM delivery_linkcounter WHERE link_id IN (
        SELECT link.id FROM delivery_link link JOIN delivery_mailing mailing ON mailing.id = link.mailing_id
        WHERE mailing.workspace_id = %s)
    """,
    "DELETE FROM delivery_link WHERE mailing_id IN (SELECT id FROM delivery_mailing WHERE workspace_id = %s)",
)


@transaction.atomic
def remove_workspace(slug: str) -> None:
    """Delete a workspace and all that belongs to it; nothing happens where there is none."""
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        return
    with connection.cursor() as cursor:
        for statement in STATEMENTS:
            cursor.execute(statement, [workspace.pk])
    Campaign.objects.filter(workspace=workspace).delete()
    Sequence.objects.filter(workspace=workspace).delete()
    Experiment.objects.filter(workspace=workspace).delete()
    Mailing.objects.filter(workspace=workspace).delete()
    Template.objects.filter(workspace=workspace).update(current_version=None)
    Template.objects.filter(workspace=workspace).delete()
    workspace.delete()
