from django.db import migrations

from accounts.versioning import count_changes


class Migration(migrations.Migration):
    dependencies = [("adserver", "0001_initial"), ("accounts", "0002_versions")]

    operations = [
        count_changes("adserver_placement"),
        count_changes("adserver_media"),
        count_changes("adserver_campaign"),
        count_changes("adserver_creative", "campaign_id", "adserver_campaign"),
        count_changes("adserver_campaign_segments", "campaign_id", "adserver_campaign"),
        count_changes("adserver_campaign_exclude_segments", "campaign_id", "adserver_campaign"),
    ]
