from django.db import migrations

from accounts.clock import now
from accounts.versioning import count_changes

EVENT = """
CREATE TABLE dmp_event (
    visitor uuid NOT NULL,
    time timestamptz NOT NULL,
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    identifier uuid,
    bot boolean NOT NULL,
    event text NOT NULL,
    platform text,
    device text,
    path text,
    referrer text,
    sku text,
    price numeric(18, 6),
    brand text,
    breadcrumb text,
    category text,
    order_id text,
    order_total numeric(18, 6),
    purchased_items text[],
    properties jsonb,
    PRIMARY KEY (visitor, time, id)
) PARTITION BY RANGE (time)
"""


def make_partitions(apps, schema_editor):
    from dmp.partitions import ensure

    ensure(now())


class Migration(migrations.Migration):
    dependencies = [("dmp", "0001_initial"), ("accounts", "0002_versions")]

    operations = [
        migrations.RunSQL(EVENT, "DROP TABLE dmp_event"),
        migrations.RunPython(make_partitions, migrations.RunPython.noop),
        # Room in the page, so that an update of last_seen moves no index entry.
        migrations.RunSQL("ALTER TABLE dmp_visitor SET (fillfactor = 80)", migrations.RunSQL.noop),
        count_changes("dmp_eventtype"),
        count_changes("dmp_property", "event_type_id", "dmp_eventtype"),
        count_changes("dmp_segment"),
    ]
