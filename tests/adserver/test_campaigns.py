import random
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError

from accounts.clock import now
from accounts.models import Account, Platform
from adserver import query
from adserver.campaigns import problems
from adserver.models import Campaign, Creative, Media
from dmp.models import Event, Membership, Segment
from tests.adserver.offers import make_campaign, make_placement
from tests.shops import make_account

NEVER = [
    ({"ends_at": now() - timedelta(days=1)}, "ended on"),
    ({"platforms": ["gone"]}, "No platform “gone”"),
    ({"events": ["gone", "lost"]}, "“gone” or “lost”"),
    ({"exclude_paths": ["*"]}, "leave no path"),
    ({"paths": ["/a/*", "/b"], "exclude_paths": ["/a*", "/b"]}, "leave no path"),
    ({"events": ["pageView"], "conditions": {"event": "purchase"}}, "never be met after “pageView”"),
    ({"conditions": {"not": {"event": ["pageView", "productView", "purchase"]}}}, "never be met after any event"),
    ({"conditions": {"property": "price", "gte": 50, "lt": 50}}, "never be met"),
]


def errors_of(row, *exclude):
    with pytest.raises(ValidationError) as caught:
        row.full_clean(exclude=exclude)
    return caught.value.message_dict


def creative(campaign, **fields):
    return Creative(campaign=campaign, name="B", **fields)


def medium(account):
    return Media.objects.create(
        account=account, name="Hero", file="x", type="image/png", width=1, height=1, bytes=1, sha256="0" * 64
    )


# --- a campaign, when saved ---


def test_a_plain_campaign_is_fine(account):
    make_campaign(account, paths=["/a/*", "*b"], placement=make_placement(account)).full_clean()


@pytest.mark.parametrize("later", [timedelta(0), timedelta(seconds=-1)])
def test_it_ends_after_it_starts(later, account):
    row = make_campaign(account, starts_at=now(), ends_at=now())
    row.ends_at = row.starts_at + later
    assert errors_of(row).keys() == {"ends_at"}


@pytest.mark.parametrize("path", ["women", "", " /a", "/a?b=1", "/a#b", "https://shop.example/"])
@pytest.mark.parametrize("field", ["paths", "exclude_paths"])
def test_a_path_starts_with_a_slash_or_a_star(field, path, account):
    assert errors_of(make_campaign(account, **{field: [path]})).keys() == {field}


@pytest.mark.parametrize("slug", ["", "Summer", "a b", "summer\n", "ü"])
def test_a_slug_is_small_letters(slug, account):
    assert errors_of(make_campaign(account, slug)).keys() >= {"slug"}


def test_a_slug_is_one_campaigns(account):
    make_campaign(account)
    double = Campaign(account=account, name="x", slug="summer")
    assert "already exists" in str(errors_of(double))


def test_another_accounts_placement_is_refused(account):
    placement = make_placement(make_account("other"))
    assert errors_of(make_campaign(account, placement=placement)).keys() == {"placement"}


@pytest.mark.parametrize(("field", "value"), [("tier", 0), ("tier", 10), ("weight", 0), ("weight", 101)])
def test_tier_and_weight_have_their_range(field, value, account):
    assert errors_of(make_campaign(account, **{field: value})).keys() == {field}


# --- a creative, when saved ---


@pytest.mark.parametrize(
    "link",
    [
        *("javascript:alert(1)", "data:text/html,x", "JaVaScRiPt:alert(1)", "ftp://shop.example", "//shop.example"),
        *("https://shop。example/", "https://shop．example/", "https://ⓢhop.example/"),
        *("https://%73hop.example/", "https://shop..example/"),
        *("/sale", "shop.example", "https://", "https:///x", "https://shop.example/a b", "https://[::1", "http://a:x/"),
        *("https://shop.example/\r\nSet-Cookie: a=b", "https://shop.example@evil.example/", "https:\\\\evil.example"),
        *("\x01https://shop.example", "https://shop.example\t/", "mailto:a@b.example", "https://shop.example\u2028"),
    ],
)
def test_a_link_leads_to_a_page(link, account):
    assert errors_of(creative(make_campaign(account), link=link)).keys() == {"link"}


@pytest.mark.parametrize(
    "link",
    ["", "http://localhost:3000/", "https://shop.example/ü?a=b&c=#d", "HTTPS://MÜNCHEN.example", "http://[::1]/"],
)
def test_a_link_may_be(link, account):
    creative(make_campaign(account), link=link).full_clean()


@pytest.mark.parametrize(
    "content", [{}, [], "x", None, {"html": ""}, {"html": " "}, {"html": 1}, {"html": "a", "b": 1}]
)
def test_html_is_one_text(content, account):
    assert errors_of(creative(make_campaign(account), type="html", content=content)).keys() == {"content"}


@pytest.mark.parametrize("content", [{"a": [1, 2.5, None, True]}, [], [1], "text", 0, False, 2**70, {"\\u0000": "ü"}])
def test_json_is_anything(content, account, api, shop):
    campaign = make_campaign(account)
    row = creative(campaign, content=content)
    row.full_clean()
    row.save()
    campaign.creatives.exclude(pk=row.pk).delete()
    assert api("/campaigns/query", shop.event())[1]["campaigns"][0]["content"] == content


@pytest.mark.parametrize("content", [{"a": float("inf")}, {"a": float("nan")}, {"a": "\0"}, {"\0": 1}, {"a": "\ud800"}])
def test_what_cannot_be_sent_is_told(content, account):
    assert errors_of(creative(make_campaign(account), content=content)).keys() == {"content"}


def test_a_content_is_at_most_64_kib(account):
    campaign = make_campaign(account)
    creative(campaign, type="html", content={"html": "x" * (64 * 1024 - 12)}).full_clean()
    assert errors_of(creative(campaign, type="html", content={"html": "x" * 64 * 1024})).keys() == {"content"}
    assert errors_of(creative(campaign, type="html", content={"html": "ü" * 33 * 1024})).keys() == {"content"}


def test_an_image_needs_a_picture_of_the_account(account):
    campaign = make_campaign(account)
    creative(campaign, type="image", media=medium(account)).full_clean()
    assert errors_of(creative(campaign, type="image")).keys() == {"media"}
    assert errors_of(creative(campaign, type="image", media=medium(make_account("other")))).keys() == {"media"}


def test_what_was_saved_unchecked_is_not_shown(account, api, shop):
    make_campaign(account).creatives.update(type="html", content={"html": 5})
    assert api("/campaigns/query", shop.event())[1]["campaigns"] == []


# --- a campaign that can never show ---


def test_a_campaign_that_can_show_has_no_problems(account):
    row = make_campaign(account, placement=make_placement(account), platforms=["www.example.com", "gone"])
    row.segments.set([pinned(account, segment) for segment in account.segments.all()])
    row.exclude_segments.set(account.segments.all()[:1])
    assert problems(row) == []


@pytest.mark.parametrize(("fields", "words"), NEVER)
def test_it_says_why_it_can_never_show(fields, words, account):
    [problem] = problems(make_campaign(account, **fields))
    assert words in problem


def test_it_needs_an_active_creative_that_can_be_shown(account):
    row = make_campaign(account)
    row.creatives.update(type="image")
    assert "“A” cannot be shown. An image needs a picture." in problems(row)[0]
    row.creatives.update(active=False)
    assert "no active creative" in problems(row)[0]
    Creative.objects.create(campaign=row, name="B", content={})
    assert problems(row) == []


def test_it_needs_an_active_placement_of_its_account(account):
    assert "not active" in problems(make_campaign(account, placement=make_placement(account, active=False)))[0]
    strange = make_campaign(account, "winter", placement=make_placement(make_account("other")))
    assert "another account" in problems(strange)[0]


def test_its_segments_leave_someone(account):
    row = make_campaign(account)
    row.segments.add(account.segments.get(name="VIP"))
    row.exclude_segments.add(account.segments.get(name="VIP"))
    assert "excluded too" in problems(row)[0]
    row.segments.set([Segment.objects.get(account=make_account("other"), name="VIP")])
    assert "another account" in problems(row)[0]


# --- shown ---


@pytest.mark.parametrize(
    ("fields", "fine"),
    [
        ({"status": "draft"}, False),
        ({"status": "failed"}, False),
        ({"status": "building"}, True),
        ({"status": "failed", "revision": 7}, True),
        ({"status": "live", "rule": None}, False),
    ],
)
def test_a_segment_that_serves_nobody_is_told(fields, fine, account):
    segment = Segment.objects.create(account=account, name="New", rule={"event": "purchase"})
    Segment.objects.filter(pk=segment.pk).update(**fields)
    row = make_campaign(account)
    row.segments.add(segment)
    assert (problems(row) == []) is fine
    pinned(account, segment)
    assert problems(row) == []


def pinned(account, segment):
    """The segment, with somebody in it by hand."""
    Membership.objects.create(
        person=uuid4(), segment=segment, account=account, level="visitor", pinned="in", entered_at=now()
    )
    return segment


def test_a_segment_excluded_under_another_name_leaves_nobody(account):
    buyers, same = (Segment.objects.create(account=account, name=n, rule={"event": "purchase"}) for n in "AB")
    row = make_campaign(account)
    row.segments.add(buyers)
    row.exclude_segments.add(same)
    assert "excluded too" in problems(row)[0]


@pytest.mark.parametrize(("type", "fine"), [("ios", False), ("web", True)])
def test_apps_of_phones_have_no_desktops(type, fine, account):
    Platform.objects.create(account=account, code="app", type=type)
    assert (problems(make_campaign(account, platforms=["app"], devices=["desktop"])) == []) is fine


def test_a_picture_whose_file_is_gone_is_told(account):
    row = make_campaign(account)
    row.creatives.update(type="image", media=medium(account))
    assert "file is gone" in problems(row)[0]


def test_an_element_has_the_documented_shape(account, api, shop):
    make_campaign(account, placement=make_placement(account))
    [element] = api("/campaigns/query", shop.event())[1]["campaigns"]
    token = element["id"]
    assert element == {
        "id": token,
        "campaign": "summer",
        "placement": "home-hero",
        "variant": "A",
        "type": "json",
        "content": {"title": "Sale"},
        "link": f"http://127.0.0.1:8000/c/{token}",
        "beacon": f"http://127.0.0.1:8000/i/{token}",
    }


def test_data_has_no_placement(account, api, shop):
    make_campaign(account)
    assert api("/campaigns/query", shop.event())[1]["campaigns"][0]["placement"] is None


@pytest.mark.parametrize("status", ["draft", "paused", "archived"])
def test_only_live_campaigns_are_shown(status, account, api, shop):
    make_campaign(account, status=status)
    assert api("/campaigns/query", shop.event())[1]["campaigns"] == []


def test_another_accounts_campaign_is_never_shown(api, shop):
    make_campaign(make_account("other"))
    assert api("/campaigns/query", shop.event())[1]["campaigns"] == []


def test_a_path_is_looked_at_without_its_query(account, api, shop):
    make_campaign(account, paths=["/women"])
    assert api("/campaigns/query", shop.event(path="/women?a=/b#c"))[1]["campaigns"]


def test_nothing_more_is_asked_once_it_is_known(account, api, shop, django_assert_num_queries):
    make_campaign(account)
    api("/campaigns/query", shop.event())
    for statements in (2, 1):  # what the person did with campaigns is read once
        with django_assert_num_queries(statements):
            assert api("/campaigns/query", shop.event())[1]["campaigns"]


# --- explained ---


def random_campaigns(account, chance):
    places = [None, make_placement(account, "a"), make_placement(account, "b", active=False)]
    for number in range(12):
        row = make_campaign(
            account,
            f"c{number}",
            placement=chance.choice(places),
            tier=chance.randint(1, 3),
            weight=chance.randint(1, 100),
            label=chance.choice(["", "", "sale"]),
            devices=chance.choice([[], ["desktop"], ["mobile"]]),
            paths=chance.choice([[], ["/a*"], ["/b*"]]),
            ends_at=chance.choice([None, now() + timedelta(days=1), now() - timedelta(days=1)]),
        )
        for relation in (row.segments, row.exclude_segments):
            relation.set(chance.choice([[], [], account.segments.filter(name="VIP")]))


@pytest.mark.parametrize("seed", range(8))
def test_explaining_and_deciding_agree(seed, account, api, shop, monkeypatch):
    random_campaigns(account, random.Random(seed))
    api("/profiles/segments", {**shop.profile(token=shop.full), "assignees": ["VIP"]})
    body = shop.event(path="/a/x", profileId="john@example.com")

    def ask(**more):
        monkeypatch.setattr(query.random, "random", random.Random(seed).random)
        return api("/campaigns/query", {**body, **more})[1]

    explained, decided = ask(token=shop.full, explain=True), ask()
    for answer in (explained, decided):
        for element in answer["campaigns"]:
            element.pop("id"), element.pop("link"), element.pop("beacon")
    assert explained["campaigns"] == decided["campaigns"]
    chosen = {entry["campaign"] for entry in explained["explain"] if entry["chosen"]}
    assert chosen == {element["campaign"] for element in decided["campaigns"]}
    assert len(explained["explain"]) == 12


def test_an_explanation_stores_nothing(account, api, shop, rows):
    make_campaign(account)
    before = rows()
    api("/campaigns/query", shop.event(profileId="john@example.com", token=shop.full, explain=True))
    assert rows() == before


def test_a_bot_is_shown_nothing_and_told_so(account, api, shop):
    make_campaign(account)
    body = shop.event(token=shop.full, explain=True)
    answer = api("/campaigns/query", body, HTTP_USER_AGENT="Mozilla/5.0 (compatible; Googlebot/2.1)")[1]
    assert answer["campaigns"] == []
    assert [entry["reason"] for entry in answer["explain"]] == ["bot"]


@pytest.mark.parametrize("header", [{"HTTP_SEC_PURPOSE": "prefetch;prerender"}, {"HTTP_X_MOZ": "prefetch"}])
def test_a_page_that_is_fetched_ahead_is_shown_nothing_and_its_event_flagged(header, account, api, shop):
    make_campaign(account)
    assert api("/campaigns/query", shop.event(), **header)[1]["campaigns"] == []
    assert Event.objects.get().bot


def test_a_suspended_account_shows_nothing(account, api, shop):
    Account.objects.filter(pk=account.pk).update(status="suspended")
    assert api("/campaigns/query", shop.event())[0] == 404
