from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dmp", "0013_types_of_revisions")]

    operations = [migrations.AddField("segmentrevision", "declined", models.JSONField(null=True))]
