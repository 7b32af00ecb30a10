"""`manage.py recompute` says what it builds."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts import snapshot
from accounts.clock import now
from dmp.models import Segment
from dmp.segments.build import build_now
from dmp.segments.pausing import pause

RULE = {"event": "pageView"}


@pytest.fixture
def paused(account):
    for name in ("Lookers", "Viewers"):
        Segment.objects.create(account=account, name=name, rule=RULE)
    build_now(account.pk)
    return pause(snapshot.configuration(account.pk), Segment.objects.get(name="Lookers").pk, now())


def recompute(account, **options):
    said = StringIO()
    call_command("recompute", str(account.pk), wait=True, stdout=said, **options)
    return said.getvalue()


def test_a_paused_segment_is_left_alone(account, paused):
    assert recompute(account) == "1 segments are built and serve.\n"
    assert Segment.objects.get(pk=paused.pk).revision == paused.revision


def test_a_paused_segment_named_is_refused_with_what_to_do(account, paused):
    with pytest.raises(CommandError, match="“Lookers” is paused. Resume or build it in the panel."):
        recompute(account, segment="Lookers")
