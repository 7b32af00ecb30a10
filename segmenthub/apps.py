from django.apps import AppConfig


class SegmentHubConfig(AppConfig):
    name = "segmenthub"

    def ready(self) -> None:
        # Every process knows the app; without it a task's delay() would look for a broker on localhost.
        from segmenthub import celery, checks  # noqa: F401
