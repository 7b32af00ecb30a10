"""What a WSGI server calls: `granian --interface wsgi segmenthub.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmenthub.settings")
application = get_wsgi_application()
