from django.apps import AppConfig


class DmpConfig(AppConfig):
    name = "dmp"
    verbose_name = "Audiences"

    def ready(self) -> None:
        from accounts.models import Account
        from dmp import computed, event_types, webhook_admin  # noqa: F401  (registers its pages)
        from dmp.segments import references
        from dmp.webhooks.models import webhooks_of

        Account.starters += [event_types.create_standard, computed.create_standard]
        references.register(webhooks_of)
