from django.db import migrations

# Casts that give NULL for what is no such value: JSON keeps whatever was sent. IMMUTABLE, as the zone is in the text.
DATE = r"""
CREATE FUNCTION dmp_date(value text) RETURNS date LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
BEGIN
    IF value !~ '^\d{4}-\d{2}-\d{2}$' THEN RETURN NULL; END IF;
    RETURN make_date(substr(value, 1, 4)::int, substr(value, 6, 2)::int, substr(value, 9, 2)::int);
EXCEPTION WHEN OTHERS THEN RETURN NULL;
END $$
"""
TIME = r"""
CREATE FUNCTION dmp_time(value text) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
BEGIN
    IF value !~ '^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2}(:\d{2})?)$' THEN RETURN NULL; END IF;
    RETURN value::timestamptz;
EXCEPTION WHEN OTHERS THEN RETURN NULL;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("dmp", "0005_levels_of_changes")]

    operations = [
        migrations.RunSQL(DATE, "DROP FUNCTION dmp_date(text)"),
        migrations.RunSQL(TIME, "DROP FUNCTION dmp_time(text)"),
    ]
