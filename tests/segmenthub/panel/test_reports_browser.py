"""Reports in a real browser, wide and narrow."""

from datetime import timedelta
from typing import Any

from playwright.sync_api import Page, expect

from accounts.clock import now
from accounts.models import Account
from adserver.counting import hour_of
from adserver.models import CampaignReason, CampaignStat, Mark
from tests.adserver.offers import make_campaign, make_placement
from tests.segmenthub.panel.conftest import BROWSER
from tests.segmenthub.panel.test_browser import SIZES, fits

pytestmark = BROWSER


@SIZES
def test_a_campaign_is_looked_at_and_its_table_downloaded(panel: Page, live_server: Any, owner: Account) -> None:
    campaign = make_campaign(
        owner, "a-campaign-with-a-long-name", placement=make_placement(owner), goal="impressions", amount=5000
    )
    for ago in range(40):
        own: dict[str, Any] = {"account": owner, "campaign": campaign, "hour": hour_of(now() - timedelta(hours=ago))}
        counts = {"eligible": 900_000, "served": 90_000, "impressions": 80_000, "clicks": 800, "revenue": 12_345}
        CampaignStat.objects.create(**own, creative=campaign.creatives.get().pk, device="mobile", **counts)
        for reason in ("segment", "draw", "pacing", "invalid:replay"):
            CampaignReason.objects.create(**own, reason=reason, count=1_234_567)
    for number in range(100):
        unit = f"00000000-0000-4000-8000-{number:012}"
        Mark.objects.create(unit=unit, campaign=campaign.pk, account=owner, control=number % 2 == 0, at=now())
    panel.goto(f"{live_server.url}/panel/adserver/campaign/{campaign.pk}/change/")
    expect(panel.locator("text=of 5,000 impressions")).to_be_visible()
    assert fits(panel)

    panel.locator(".sh-strip >> text=Report").click()
    expect(panel.locator("h2 >> text=From eligible to sold")).to_be_visible()
    assert fits(panel)
    panel.click("text=7 days")
    expect(panel.locator("[aria-current=page] >> text=7 days")).to_be_visible()
    with panel.expect_download() as file:
        panel.locator("[aria-labelledby=table-devices] >> text=Download as CSV").click()
    assert file.value.suggested_filename.startswith("a-campaign-with-a-long-name-devices-")

    panel.goto(f"{live_server.url}/panel/reports/")
    expect(panel.locator("[aria-labelledby=table-campaigns]")).to_contain_text(campaign.name)
    assert fits(panel)
