from django.db import migrations, models

BIND = """UPDATE dmp_segment_revision r SET zone = a.timezone, types = jsonb_build_object(
        'attributes', coalesce((SELECT jsonb_object_agg(b.name, b.type) FROM accounts_attribute b
            WHERE b.account_id = a.id AND nullif(b.computed, 'null') IS NULL
                AND to_jsonb(b.name::text) IN (SELECT jsonb_path_query(r.rule, '$.**.attribute'))), '{}'),
        'properties', coalesce((SELECT jsonb_object_agg(x.code, x.named) FROM (
            SELECT t.code, jsonb_object_agg(p.name, jsonb_build_array(p.type, p.many)) AS named
            FROM dmp_property p JOIN dmp_eventtype t ON t.id = p.event_type_id
            WHERE t.account_id = a.id AND to_jsonb(p.name::text) IN (
                SELECT jsonb_path_query(r.rule, '$.**.property')
                UNION SELECT jsonb_path_query(r.definitions, '$.**.property'))
            GROUP BY t.code) x), '{}'))
    FROM dmp_segment s, accounts_account a WHERE s.id = r.segment_id AND a.id = s.account_id"""
"""What is there was built with what is declared now: nothing is built again for this migration's sake."""


class Migration(migrations.Migration):
    dependencies = [("dmp", "0012_zone_of_revisions")]

    operations = [
        migrations.AddField(
            model_name="segmentrevision", name="types", field=models.JSONField(default=dict, db_default={})
        ),
        migrations.RunSQL(BIND, migrations.RunSQL.noop),
    ]
