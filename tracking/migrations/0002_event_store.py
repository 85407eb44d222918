from django.db import migrations

CREATE = """
CREATE TABLE tracking_event (
    id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    kind smallint NOT NULL,
    verdict smallint NOT NULL,
    reason varchar(40) NOT NULL,
    workspace_id bigint NOT NULL,
    mailing_id bigint NOT NULL,
    message_id bigint,
    contact_id bigint,
    link_id bigint,
    ip inet,
    user_agent text NOT NULL DEFAULT '',
    PRIMARY KEY (id, occurred_at)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX tracking_event_message ON tracking_event (message_id, occurred_at);
CREATE INDEX tracking_event_contact ON tracking_event (contact_id, occurred_at);
CREATE INDEX tracking_event_workspace ON tracking_event (workspace_id, id);
"""


class Migration(migrations.Migration):
    dependencies = [("tracking", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, "DROP TABLE tracking_event;")]
