"""Two accounts with the same visitorId, profileId, orderId, eventId and token names never touch."""

import pytest
from django.apps import apps

from adserver.models import Campaign, Creative
from dmp.models import Event, Segment
from tests.shops import PLATFORM, PROFILE, VISITOR, make_account, make_token

OURS = ("accounts", "dmp", "cdp", "adserver")
EVENT_ID = "6fa459ea-ee8a-4ca4-894e-db77e160355e"
LINE = {"visitorId": VISITOR, "platform": PLATFORM, "profileId": PROFILE}
PEOPLE = {"profileId": PROFILE, "visitorId": VISITOR}
REQUESTS = [
    ("/campaigns/query", {**LINE, "event": "pageView", "eventId": EVENT_ID, "consent": {"ads": True}}),
    ("/campaigns/query", {**LINE, "event": "productView", "sku": "S1"}),
    ("/campaigns/query", {**LINE, "event": "purchase", "orderId": "O1", "orderTotal": 10}),
    ("/profiles/attributes", {**PEOPLE, "attributes": {"country": "us", "email": PROFILE}}),
    ("/visitors/attributes", {**PEOPLE, "attributes": {"country": "us"}}),
    ("/profiles/segments", {**PEOPLE, "assignees": ["VIP"], "removes": ["Churn"]}),
    ("/visitors/segments", {**PEOPLE, "assignees": ["VIP"]}),
    ("/profiles/query", {**PEOPLE, "attributes": ["*"], "segments": ["*"]}),
    ("/visitors/query", {**PEOPLE, "attributes": ["*"], "segments": ["*"]}),
]


@pytest.fixture
def twins(db):
    """Two accounts alike in everything that has a name: (id, secret) of each."""
    made = []
    for name in ("one", "two"):
        account = make_account(name)
        campaign = Campaign.objects.create(account=account, name="Sale", slug="sale", status="live")
        Creative.objects.create(campaign=campaign, name="A", content={"of": name})
        made.append((str(account.pk), make_token(account, "server")))
    return made


@pytest.fixture
def use(api):
    """Makes all requests as one account; gives their answers."""

    def use(account, secret):
        answers = []
        for path, body in REQUESTS:
            status, answer = api(path, {"account": account, "token": secret, **body})
            assert status == 200, answer
            answers.append(answer)
        return answers

    return use


def everything():
    """Every row of every table of ours: {model: {row}}."""
    return {
        model._meta.label: {repr(row) for row in model._default_manager.values_list()}
        for app in OURS
        for model in apps.get_app_config(app).get_models()
    }


def test_whatever_one_account_does_no_row_of_the_other_changes(twins, use):
    use(*twins[0])
    before = everything()
    use(*twins[1])
    after = everything()
    for model, rows in before.items():
        assert rows <= after[model], model


def test_what_both_do_is_stored_for_both(twins, use):
    use(*twins[0])
    before = everything()
    use(*twins[1])
    after = everything()
    for label in (
        "dmp.Visitor",
        "dmp.Event",
        "dmp.Once",
        "dmp.Membership",
        "cdp.Profile",
        "cdp.Identifier",
        "cdp.Link",
    ):
        assert len(before[label]) > 0
        assert len(after[label]) == 2 * len(before[label]), label


def test_each_sees_its_own_alone(twins, use, api):
    use(*twins[0])
    account, secret = twins[1]
    for path, body in REQUESTS[-2:]:
        _, answer = api(path, {"account": account, "token": secret, **body})
        assert (answer["attributes"], answer["segments"]) == ({}, [])
        assert answer["errors"][0]["code"] == "not_found"


def test_each_gets_its_own_campaigns(twins, use):
    for name, twin in zip(("one", "two"), twins, strict=True):
        assert [element["content"] for element in use(*twin)[0]["campaigns"]] == [{"of": name}]


def test_both_answer_alike(twins, use):
    hide = ("campaigns", "attributes")
    one, two = ([{k: v for k, v in answer.items() if k not in hide} for answer in use(*twin)] for twin in twins)
    assert one == two


@pytest.mark.parametrize(("path", "body"), REQUESTS, ids=lambda value: value if isinstance(value, str) else "")
def test_no_token_works_at_another_account(twins, api, path, body):
    (account, _), (_, secret) = twins
    assert api(path, {"account": account, "token": secret, **body})[0] == 401


def test_a_segment_of_one_account_is_unknown_to_the_other(twins, api):
    (_, _), (account, secret) = twins
    Segment.objects.create(account_id=twins[0][0], name="Gold")
    body = {"account": account, "token": secret, "profileId": PROFILE, "assignees": ["Gold"]}
    assert api("/profiles/segments", body)[1]["errors"][0]["code"] == "unknown"


def test_an_order_of_one_account_is_no_duplicate_in_the_other(twins, api):
    for account, _ in twins:
        body = {**LINE, "account": account, "event": "purchase", "orderId": "O1", "orderTotal": 1}
        assert api("/campaigns/query", body)[0] == 200
        assert Event.objects.filter(account=account).count() == 1


def test_erasing_one_accounts_configuration_leaves_the_others(twins, use, api):
    use(*twins[0])
    use(*twins[1])
    Segment.objects.filter(account=twins[0][0]).delete()
    account, secret = twins[1]
    _, answer = api("/profiles/query", {"account": account, "token": secret, **PEOPLE, "segments": ["*"]})
    assert answer["segments"] == ["VIP"]


def test_each_model_names_its_account_or_is_known_here():
    """A new model must say how its rows are kept apart."""
    through = {
        "dmp.Property",
        "dmp.SegmentRevision",
        "dmp.Delivery",
        "adserver.Creative",
        "dmp.Once",
        "cdp.Link",
        "cdp.Device",
        "accounts.User",
        "adserver.Rollup",  # of all accounts together
    }
    for app in OURS:
        for model in apps.get_app_config(app).get_models():
            fields = {field.name for field in model._meta.get_fields()}
            assert "account" in fields or model._meta.label in through | {"accounts.Account"}, model
