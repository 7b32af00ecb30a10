from typing import Any

from django.db import migrations

AT = "(account_id, time) WHERE event IN ('$impression', '$viewable', '$click', '$dismiss') AND NOT bot"


def make(apps: Any, schema_editor: Any) -> None:
    """In each partition by itself and CONCURRENTLY, so that events are recorded meanwhile; a try that was cut off is
    begun again."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX IF NOT EXISTS event_ads ON ONLY dmp_event {AT}")
        cursor.execute(
            """SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'dmp_event'::regclass AND NOT EXISTS (
                    SELECT FROM pg_index x JOIN pg_inherits p ON p.inhrelid = x.indexrelid
                    WHERE x.indrelid = c.oid AND p.inhparent = 'event_ads'::regclass)"""
        )
        for (partition,) in cursor.fetchall():
            name = partition.replace("dmp_event", "event_ads")
            cursor.execute(f'DROP INDEX IF EXISTS "{name}"')
            cursor.execute(f'CREATE INDEX CONCURRENTLY "{name}" ON "{partition}" {AT}')
            cursor.execute(f'ALTER INDEX event_ads ATTACH PARTITION "{name}"')


class Migration(migrations.Migration):
    """The statistics of an hour are counted from its own rows. The ad server's events are a few of all: recording the
    others costs nothing more."""

    atomic = False
    dependencies = [("adserver", "0004_reports"), ("dmp", "0014_declined_builds")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
