"""Fields of campaigns are called in their history as in their form."""

import adserver.models.offers
import django.contrib.postgres.fields
import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('adserver', '0006_pace_version'),
        ('dmp', '0015_exact_instants'),
    ]

    operations = [
        migrations.AlterField(
            model_name='campaign',
            name='amount',
            field=models.PositiveIntegerField(blank=True, help_text='How many; never one more is counted.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='how many'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='cap',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Impressions that one person gets at most.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)], verbose_name='at most, per person'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='cap_hours',
            field=models.PositiveSmallIntegerField(default=24, help_text='Within so many hours.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2160)], verbose_name='within hours'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='click_days',
            field=models.PositiveSmallIntegerField(default=7, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(90)], verbose_name='a click counts for days'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='conditions',
            field=models.JSONField(blank=True, help_text='What the event itself must be, such as a price of 50 or more.', null=True, verbose_name='and only if'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='daily_cap',
            field=models.PositiveIntegerField(blank=True, help_text='Impressions a day, of all people together.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='at most a day'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='dismiss_days',
            field=models.PositiveSmallIntegerField(default=30, help_text='Not shown for so many days to who closed it; 0: shown again at once.', validators=[django.core.validators.MaxValueValidator(365)], verbose_name='days after closing it'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='events',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, default=list, size=None, verbose_name='after these events'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='exclude_paths',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=1024, validators=[adserver.models.offers.check_path]), blank=True, default=list, size=None, verbose_name='but not on'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='exclude_segments',
            field=models.ManyToManyField(blank=True, help_text='None of these.', related_name='excluding_campaigns', to='dmp.segment', verbose_name='but not in'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='goal',
            field=models.CharField(choices=[('none', 'no goal'), ('impressions', 'impressions'), ('clicks', 'clicks')], default='none', max_length=16),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='holdout_percent',
            field=models.PositiveSmallIntegerField(default=0, help_text='So many of a hundred people do not get it: against them its effect is measured.', validators=[django.core.validators.MaxValueValidator(50)], verbose_name='held out (%)'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='match',
            field=models.CharField(choices=[('any', 'any purchase'), ('product', 'a purchase of what was shown')], default='any', max_length=8, verbose_name='what counts'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='stop_after',
            field=models.CharField(choices=[('none', 'nothing: go on'), ('click', 'a click'), ('conversion', 'a conversion')], default='none', max_length=16, verbose_name='stop for somebody after'),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='view_days',
            field=models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MaxValueValidator(90)], verbose_name='a view counts for days'),
        ),
    ]
