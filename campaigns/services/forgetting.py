"""What campaigns forget when contacts are deleted: who was called, and who stands in what a check found."""

from django.db import connection

from campaigns.models import Arrival, HeldOut, SignUp
from contacts.events import ContactsDeleted


def forget_contacts(decision: ContactsDeleted) -> None:
    """Handler: calls of triggers, sign-ups and who was held out go; the findings of checks give people as examples: these go, their counts stay.

    The snapshots of segments forget by themselves, at their next look.  One pass over the workspace's checks, of which each campaign keeps only the last few.
    """
    Arrival.objects.filter(contact_id__in=decision.contact_ids).delete()
    SignUp.objects.filter(contact_id__in=decision.contact_ids).delete()
    HeldOut.objects.filter(contact_id__in=decision.contact_ids).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE campaigns_check k SET findings = (
                SELECT jsonb_agg(
                    f.finding || jsonb_build_object('examples', (
                        SELECT coalesce(jsonb_agg(e.example ORDER BY e.place), '[]')
                        FROM jsonb_array_elements(f.finding -> 'examples') WITH ORDINALITY AS e (example, place)
                        WHERE (e.example ->> 'contact')::bigint <> ALL (%(ids)s)))
                    ORDER BY f.place)
                FROM jsonb_array_elements(k.findings) WITH ORDINALITY AS f (finding, place))
            FROM campaigns_campaign c
            WHERE c.id = k.campaign_id AND c.workspace_id = %(workspace)s AND EXISTS (
                SELECT FROM jsonb_path_query(k.findings, '$[*].examples[*].contact') AS named (contact)
                WHERE (named.contact #>> '{}')::bigint = ANY (%(ids)s))
            """,
            {"ids": list(decision.contact_ids), "workspace": decision.workspace_id},
        )
