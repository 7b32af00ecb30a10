from django.apps import AppConfig


class CdpConfig(AppConfig):
    name = "cdp"
    verbose_name = "Profiles"

    def ready(self) -> None:
        from cdp.levels import PROFILES
        from dmp.segments.levels import levels

        levels[PROFILES.name] = PROFILES
