from django.db import migrations

# The texts that `dmp.segments.evaluate.values.as_instant` takes, and the same range: both executors see one value.
TIME = r"""
CREATE OR REPLACE FUNCTION dmp_time(value text) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    found timestamptz;
BEGIN
    IF value !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-5]):?[0-5][0-9])$'
        THEN RETURN NULL; END IF;
    found := value::timestamptz;
    IF found > '0001-01-03 00:00:00+00' AND found < '9999-12-29 23:59:59.999999+00' THEN RETURN found; END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN RETURN NULL;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("dmp", "0014_declined_builds")]

    operations = [migrations.RunSQL(TIME, migrations.RunSQL.noop)]
