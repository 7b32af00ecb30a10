from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dmp", "0007_webhooks")]

    operations = [
        migrations.AddField(
            model_name="segment", name="paused_at", field=models.DateTimeField(editable=False, null=True)
        ),
        migrations.AlterField(
            model_name="segment",
            name="status",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("building", "Building"),
                    ("live", "Live"),
                    ("paused", "Paused"),
                    ("failed", "Failed"),
                ],
                default="live",
                editable=False,
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="segmentrevision",
            name="state",
            field=models.CharField(
                choices=[("building", "Building"), ("live", "Live"), ("paused", "Paused"), ("retired", "Retired")],
                default="building",
                max_length=16,
            ),
        ),
    ]
