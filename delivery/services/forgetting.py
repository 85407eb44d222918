"""What the ledger forgets when contacts are deleted; the messages stay, with the bare number of their contact."""

from django.db import connection

from contacts.events import ContactsDeleted


def forget_contacts(decision: ContactsDeleted) -> None:
    """Handler: servers like to repeat the address in what they answer, so the answers go; their codes and reasons stay.
    What events said of the contacts goes too.

    Both columns are in no index, so the updates stay HOT; the messages come from `message_contact`.
    """
    ids = list(decision.contact_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_message SET reply_text = '' WHERE contact_id = ANY (%s) AND reply_text <> ''", [ids]
        )
        cursor.execute(
            """
            DELETE FROM delivery_messagefields f USING delivery_message m
            WHERE m.id = f.message_id AND m.contact_id = ANY (%s)
            """,
            [ids],
        )
        cursor.execute(
            """
            UPDATE delivery_attempt a SET reply_text = '' FROM delivery_message m
            WHERE m.id = a.message_id AND m.contact_id = ANY (%s) AND a.reply_text <> ''
            """,
            [ids],
        )
