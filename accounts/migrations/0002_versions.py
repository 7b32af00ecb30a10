from django.db import migrations

from accounts.versioning import FUNCTION, count_changes


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION accounts_count_change"),
        count_changes("accounts_account", "id"),
        count_changes("accounts_platform"),
        count_changes("accounts_attribute"),
        # Not last_used_at: a used token is no change of configuration.
        count_changes(
            "accounts_apitoken",
            only="digest, access, read_attributes, write_attributes, rate_limit, expires_at, revoked_at, name",
        ),
    ]
