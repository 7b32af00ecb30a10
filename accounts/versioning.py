"""Database triggers that count the changes of an account's configuration (see `accounts.snapshot`).

A trigger, because configuration is also changed by bulk updates, cascades and SQL, and none may be missed.
"""

from django.db import migrations

FUNCTION = """
CREATE FUNCTION accounts_count_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed jsonb := to_jsonb(coalesce(NEW, OLD));
    owner uuid;
BEGIN
    IF TG_NARGS = 1 THEN
        owner := changed ->> TG_ARGV[0];
    ELSE  -- a child row: TG_ARGV is its foreign key's column and the parent's table
        EXECUTE format('SELECT account_id FROM %I WHERE id = $1', TG_ARGV[1])
            INTO owner USING (changed ->> TG_ARGV[0])::bigint;
    END IF;
    IF owner IS NOT NULL THEN
        INSERT INTO accounts_configuration_version AS v (account_id, version) VALUES (owner, 1)
        ON CONFLICT (account_id) DO UPDATE SET version = v.version + 1;
    END IF;
    RETURN NULL;
END $$
"""


def count_changes(table: str, column: str = "account_id", parent: str = "", only: str = "") -> migrations.RunSQL:
    """A trigger on `table`, whose account is in `column`, or in the row of `parent` that `column` names. `only`: the
    columns whose update counts."""
    arguments = f"'{column}', '{parent}'" if parent else f"'{column}'"
    update = f"UPDATE OF {only}" if only else "UPDATE"
    return migrations.RunSQL(
        f"CREATE TRIGGER count_change AFTER INSERT OR DELETE OR {update} ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION accounts_count_change({arguments})",
        f"DROP TRIGGER count_change ON {table}",
    )
