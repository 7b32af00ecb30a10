"""What a WSGI server calls: `granian --interface wsgi segmenthub.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmenthub.settings")
application = get_wsgi_application()

from segmenthub.checks import refuse_unsafe_database  # noqa: E402  # after the apps are ready

refuse_unsafe_database()
