from collections.abc import Iterable
from uuid import UUID

from django.apps import AppConfig
from django.db.models import Model, Q


class AdserverConfig(AppConfig):
    name = "adserver"
    verbose_name = "Campaigns"

    def ready(self) -> None:
        from dmp.segments import references

        references.register(campaigns_using)


def campaigns_using(account: UUID, segment: str) -> Iterable[Model]:
    """The campaigns that are shown to a segment, or to all but it; the settings that name it as staff."""
    from adserver.models import AdSettings, Campaign

    asked = Q(segments__name=segment) | Q(exclude_segments__name=segment)
    yield from Campaign.objects.filter(asked, account=account).distinct()
    yield from AdSettings.objects.filter(account=account, staff__name=segment)
