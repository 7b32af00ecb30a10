"""What a pace forecasts may change each minute: only another chance has processes load an account's campaigns anew."""

from typing import ClassVar

from django.db import migrations

from accounts.versioning import count_changes

BEFORE = count_changes("adserver_pace")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("adserver", "0005_events_of_ads")]
    operations: ClassVar = [
        migrations.RunSQL(BEFORE.reverse_sql, BEFORE.sql),
        count_changes("adserver_pace", only="probability"),
    ]
