from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dmp", "0004_segments")]

    operations = [
        migrations.AddField(
            model_name="membershipchange",
            name="level",
            field=models.CharField(choices=[("visitor", "Visitor"), ("profile", "Profile")], default="visitor", max_length=8),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="segmentrevision", name="retired_at", field=models.DateTimeField(null=True)
        ),
    ]
