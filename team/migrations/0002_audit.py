"""The audit trail: triggers write it, so that no path around it exists.

`audit_attach(table, workspace_column, ignored)` is called by every app's migration for its low-volume tables.
"""

from django.db import migrations

CREATE = r"""
CREATE FUNCTION audit_value(name text, value jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        -- That a secret was changed is worth knowing; the secret is not.
        WHEN name IN ('password', 'digest', 'secret') OR name LIKE '%\_encrypted' OR name LIKE '%\_secret'
            THEN '"(hidden)"'::jsonb
        WHEN jsonb_typeof(value) = 'string' AND length(value #>> '{}') > 2000
            THEN to_jsonb(left(value #>> '{}', 2000) || '…')
        ELSE value
    END
$$;

-- Follows foreign keys from a row to its workspace. `path` is "column:table", or longer: "column:table:column:table".
CREATE FUNCTION audit_workspace(whole_row jsonb, path text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    steps text[] := string_to_array(path, ':');
    found bigint := (whole_row ->> steps[1])::bigint;
BEGIN
    FOR i IN 2 .. array_length(steps, 1) BY 2 LOOP
        EXECUTE format('SELECT %I FROM %s WHERE id = $1', coalesce(steps[i + 1], 'workspace_id'), steps[i]::regclass)
        INTO found USING found;
    END LOOP;
    RETURN found;
END
$$;

-- Trigger arguments: the column with the workspace ("" for none, or a path to a parent that has one), the primary key's
-- column, and the columns that are not worth an entry.
CREATE FUNCTION audit_record() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    workspace_column text := TG_ARGV[0];
    key_column text := TG_ARGV[1];
    ignored text[] := TG_ARGV[2]::text[];
    before_row jsonb;
    after_row jsonb;
    whole_row jsonb;
    workspace bigint;
    before_values jsonb;
    after_values jsonb;
BEGIN
    IF current_setting('drumbeat.bulk', true) = 'on' THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        before_row := to_jsonb(OLD);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        after_row := to_jsonb(NEW);
    END IF;
    whole_row := coalesce(after_row, before_row);

    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(b.key, audit_value(b.key, b.value)), jsonb_object_agg(a.key, audit_value(a.key, a.value))
        INTO before_values, after_values
        FROM jsonb_each(before_row) b JOIN jsonb_each(after_row) a USING (key)
        WHERE a.value IS DISTINCT FROM b.value AND NOT b.key = ANY (ignored);
        IF after_values IS NULL THEN
            RETURN NULL;
        END IF;
    ELSE
        SELECT jsonb_object_agg(key, audit_value(key, value)) INTO after_values
        FROM jsonb_each(whole_row)
        WHERE value NOT IN ('null'::jsonb, '""'::jsonb) AND NOT key = ANY (ignored);
        IF TG_OP = 'DELETE' THEN
            before_values := after_values;
            after_values := NULL;
        END IF;
    END IF;

    IF workspace_column LIKE '%:%' THEN
        workspace := audit_workspace(whole_row, workspace_column);
    ELSIF workspace_column <> '' THEN
        workspace := (whole_row ->> workspace_column)::bigint;
    END IF;
    workspace := coalesce(workspace, nullif(current_setting('drumbeat.workspace', true), '')::bigint);

    INSERT INTO team_auditentry (workspace_id, "table", row_id, action, actor, before, after, at)
    VALUES (
        workspace, TG_TABLE_NAME, whole_row ->> key_column, TG_OP,
        coalesce(nullif(current_setting('drumbeat.actor', true), ''), 'system'),
        before_values, after_values, clock_timestamp()
    );
    RETURN NULL;
END
$$;

CREATE FUNCTION audit_attach(target regclass, workspace_column text, ignored text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    key_column text;
BEGIN
    SELECT a.attname INTO STRICT key_column
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = target AND i.indisprimary;
    EXECUTE format('DROP TRIGGER IF EXISTS audit ON %s', target);
    EXECUTE format(
        'CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION audit_record(%L, %L, %L)',
        target, coalesce(workspace_column, ''), key_column,
        (ARRAY['updated_at', 'last_used_at', 'last_login'] || ignored)::text
    );
END
$$;

CREATE FUNCTION audit_detach(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP TRIGGER IF EXISTS audit ON %s', target);
END
$$;

-- Entries are never changed; they go only when a person is erased or the time to keep them is over.
CREATE FUNCTION audit_protect() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('drumbeat.audit_purge', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'The audit trail can''t be changed.' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER protect BEFORE UPDATE OR DELETE ON team_auditentry FOR EACH ROW EXECUTE FUNCTION audit_protect();

SELECT audit_attach('team_workspace', 'id');
SELECT audit_attach('team_membership', 'workspace_id');
SELECT audit_attach('team_invitation', 'workspace_id');
SELECT audit_attach('team_apitoken', 'workspace_id');
SELECT audit_attach('team_user', NULL);
"""

DROP = """
SELECT audit_detach('team_workspace');
SELECT audit_detach('team_membership');
SELECT audit_detach('team_invitation');
SELECT audit_detach('team_apitoken');
SELECT audit_detach('team_user');
DROP TRIGGER protect ON team_auditentry;
DROP FUNCTION audit_protect();
DROP FUNCTION audit_detach(regclass);
DROP FUNCTION audit_attach(regclass, text, text[]);
DROP FUNCTION audit_record();
DROP FUNCTION audit_workspace(jsonb, text);
DROP FUNCTION audit_value(text, jsonb);
"""


class Migration(migrations.Migration):
    dependencies = [("team", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
