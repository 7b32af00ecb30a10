from django.db import migrations


class Migration(migrations.Migration):
    """The panel reads an account's newest events. BRIN: a few pages a partition, and nothing to do for a new row, as
    its pages are summarised later."""

    dependencies = [("dmp", "0002_events")]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX event_time ON dmp_event USING brin (time) WITH (pages_per_range = 32, autosummarize = on)",
            "DROP INDEX event_time",
        ),
    ]
