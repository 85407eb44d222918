"""The names of columns and inputs, in the words of the pages."""

from core.admin import name_fields
from delivery.models import Attempt, Batch, Counter, Link, LinkCounter, Mailbox, Mailing, Message

name_fields(
    Mailbox,
    from_email="from address",
    smtp_host="SMTP server",
    smtp_port="SMTP port",
    smtp_security="encryption",
    smtp_username="user name",
    max_connections="connections at a time",
)
name_fields(Mailing, is_test="test", track_opens="opens are tracked", track_clicks="clicks are tracked")
name_fields(
    Message,
    is_test="test",
    to_email="test recipient",
    opened_at="opened by a person at",
    opened_any_at="opened by anything at",
    clicked_at="clicked by a person at",
    clicked_any_at="clicked by anything at",
)
name_fields(Batch, message_ids="message IDs")
name_fields(Attempt, at="when")
name_fields(Link, id="ID", mailing_id="mailing ID", url="URL")
for counted in (Counter, LinkCounter):
    name_fields(
        counted,
        clicks_human="clicks by people",
        clicks_all="all clicks",
        clicked_human="clicked by people",
        clicked_any="clicked by anything",
    )
name_fields(
    Counter,
    opens_human="opens by people",
    opens_all="all opens",
    opened_human="opened by people",
    opened_any="opened by anything",
)
