from django.apps import AppConfig


class DmpConfig(AppConfig):
    name = "dmp"
    verbose_name = "Audiences"

    def ready(self) -> None:
        from accounts.models import Account
        from dmp import computed, event_types

        Account.starters += [event_types.create_standard, computed.create_standard]
