from django.db import migrations, models


class Migration(migrations.Migration):
    """Revisions that are there were built in the zone that their account has."""

    dependencies = [("dmp", "0011_purchases"), ("accounts", "0002_versions")]

    operations = [
        migrations.AddField("segmentrevision", "zone", models.CharField(default="UTC", max_length=64)),
        migrations.RunSQL(
            """UPDATE dmp_segment_revision r SET zone = a.timezone FROM dmp_segment s
                JOIN accounts_account a ON a.id = s.account_id WHERE s.id = r.segment_id""",
            migrations.RunSQL.noop,
        ),
    ]
