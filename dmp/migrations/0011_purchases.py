from typing import Any

from django.db import migrations

COVERING = "(account_id, visitor, time) INCLUDE (order_total) WHERE event = 'purchase' AND NOT bot"


def make(apps: Any, schema_editor: Any) -> None:
    """In each partition by itself and CONCURRENTLY, so that events are recorded meanwhile; a try that was cut off is
    begun again."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX IF NOT EXISTS event_purchases ON ONLY dmp_event {COVERING}")
        cursor.execute(
            """SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'dmp_event'::regclass AND NOT EXISTS (
                    SELECT FROM pg_index x JOIN pg_inherits p ON p.inhrelid = x.indexrelid
                    WHERE x.indrelid = c.oid AND p.inhparent = 'event_purchases'::regclass)"""
        )
        for (partition,) in cursor.fetchall():
            name = partition.replace("dmp_event", "event_purchases")
            cursor.execute(f'DROP INDEX IF EXISTS "{name}"')
            cursor.execute(f'CREATE INDEX CONCURRENTLY "{name}" ON "{partition}" {COVERING}')
            cursor.execute(f'ALTER INDEX event_purchases ATTACH PARTITION "{name}"')


class Migration(migrations.Migration):
    """Rules about purchases are built from the index alone. Purchases are a few of all events: recording the others
    costs nothing more."""

    atomic = False
    dependencies = [("dmp", "0010_definitions_of_revisions")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
