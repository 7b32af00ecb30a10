"""/openapi.json describes what the API does, and /docs shows it."""

import json

import jsonschema
import pytest
from django.urls import resolve
from drf_spectacular.validation import validate_schema

from accounts.clock import now
from dmp.computed import KINDS, STANDARD
from dmp.models import MembershipChange
from dmp.webhooks import outbox
from dmp.webhooks.deliver import BACK_OFF
from dmp.webhooks.models import Delivery, Webhook
from segmenthub.openapi import tracking, webhooks
from segmenthub.openapi.operations import ERRORS
from segmenthub.openapi.pages import document
from segmenthub.urls import urlpatterns
from tests.adserver.offers import make_campaign
from tests.dmp.segments.test_parse import ACCEPTED, REFUSED
from tests.shops import PLATFORM

NEED_AN_ACCOUNT = {
    *("an unknown attribute", "a bound on text", "a bound on a boolean", "a number for text", "text for a number"),
    *("a list of another type", "an invalid regular expression", "no date", "for on a computed attribute"),
    *("a computed attribute whose event is gone", "text for a computed number"),
    *("a regular expression that is not linear", "a character that cannot be stored", "a rolling window on text"),
    *("for on what has no time of change", "an unknown event", "an unknown event in a list", "any event in a list"),
    *("a window from not before to", "a window that ends before it starts", "a sum of text", "an unknown property"),
    *("a property of two types", "a within on the first step", "absent not last", "same of an unknown property"),
    *("an unknown segment", "a sample backwards", "too deep", "too deep a where", "too many conditions"),
}
"""What a schema cannot see."""

PATHS = {"/campaigns/query", "/profiles/query", "/profiles/attributes", "/profiles/segments"}
PATHS |= {"/visitors/query", "/visitors/attributes", "/visitors/segments", "/segments/members"}


def posts():
    return {path: item["post"] for path, item in document()["paths"].items() if path not in tracking.PATHS}


def check(value, schema):
    """Raises where the value does not fit the schema of the document."""
    whole = {**schema, "components": document()["components"]}
    jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(value)


EXAMPLES = [
    pytest.param(path, example["value"], id=f"{path} {title}")
    for path, post in posts().items()
    for title, example in post["requestBody"]["content"]["application/json"]["examples"].items()
]


def test_the_document_is_valid_openapi(send):
    response = send("/openapi.json", b"", "GET")
    assert response["Content-Type"] == "application/json"
    validate_schema(json.loads(response.content))


def test_it_is_made_without_a_word(capsys):
    document.cache_clear()
    document()
    assert capsys.readouterr() == ("", "")


def test_it_has_each_documented_operation_and_describes_it():
    assert set(posts()) >= PATHS
    assert all(post["summary"] and post["description"] and post["requestBody"]["required"] for post in posts().values())


@pytest.mark.parametrize("path", sorted(PATHS))
def test_each_operation_has_every_status_with_the_envelope(path):
    responses = posts()[path]["responses"]
    assert set(responses) == {"200", *map(str, ERRORS)}
    for status in set(responses) - {"200"}:
        body = responses[status]["content"]["application/json"]
        assert body["schema"] == {"$ref": "#/components/schemas/Error"}
        check(body["example"], body["schema"])


@pytest.mark.parametrize("status", ["429", "503"])
def test_what_may_be_tried_again_says_when(status):
    assert all("Retry-After" in posts()[path]["responses"][status]["headers"] for path in PATHS)


@pytest.mark.parametrize(("path", "body"), EXAMPLES)
def test_each_example_fits_its_schema_and_runs(api, shop, path, body):
    check(body, posts()[path]["requestBody"]["content"]["application/json"]["schema"])
    body = {
        **body,
        "account": shop.id,
        **({"token": shop.full if path == "/segments/members" else shop.live} if "token" in body else {}),
    }
    status, answer = api(path, body)
    assert status == 200
    check(answer, posts()[path]["responses"]["200"]["content"]["application/json"]["schema"])
    assert body.get("platform") in (None, PLATFORM)


@pytest.mark.parametrize("path", sorted(PATHS))
def test_each_answers_example_fits_its_schema(path):
    body = posts()[path]["responses"]["200"]["content"]["application/json"]
    check(body["example"], body["schema"])


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_rule_of_the_language_fits_the_schema(name):
    check(ACCEPTED[name], {"$ref": "#/components/schemas/Rule"})


@pytest.mark.parametrize("name", STANDARD)
def test_a_computed_attribute_fits_the_schema(name):
    definition = {key: value for key, value in STANDARD[name].definition.items() if key != "per"}
    if definition["as"] in KINDS:
        check(definition, {"$ref": "#/components/schemas/ComputedAttribute"})


def test_a_malformed_computed_attribute_does_not():
    for wrong in ({"as": "count"}, {"as": "sum", "event": "purchase"}, {"as": "median", "event": "*"}):
        with pytest.raises(jsonschema.ValidationError):
            check(wrong, {"$ref": "#/components/schemas/ComputedAttribute"})


@pytest.mark.parametrize("what", [what for what in REFUSED if what not in NEED_AN_ACCOUNT])
def test_the_schema_refuses(what):
    with pytest.raises(jsonschema.ValidationError):
        check(REFUSED[what][0], {"$ref": "#/components/schemas/Rule"})


def test_events_take_more_properties_than_are_named():
    check({**EXAMPLES[0].values[1], "event": "addToCart", "color": "red"}, {"$ref": "#/components/schemas/Event"})


@pytest.mark.parametrize("path", ["/docs"])
def test_the_reference_page_loads_nothing_from_elsewhere(send, path):
    response = send(path, b"", "GET")
    page = response.content.decode()
    assert response.status_code == 200
    assert "//" not in page.replace("<!doctype", "")
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert 'spec-url="/openapi.json"' in page


# --- tracking ---

TRACKED = [(path, method) for path, item in tracking.PATHS.items() for method in item if method != "parameters"]


def test_each_tracking_path_is_described():
    served = [str(each.pattern) for each in urlpatterns if "token" in str(each.pattern)]
    assert len(served) == len(tracking.PATHS)
    assert all(resolve(path.format(token="x")) for path in tracking.PATHS)


@pytest.mark.parametrize("accept", ["*/*", "image/avif,image/*"])
@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize(("path", "method"), TRACKED)
def test_what_tracking_answers_is_described(account, api, send, shop, path, method, good, accept):
    make_campaign(account, link="https://shop.example/sale")
    token = api("/campaigns/query", shop.event())[1]["campaigns"][0]["id"] if good else "x" * 40
    response = send(path.format(token=token), b"", method.upper(), HTTP_ACCEPT=accept)
    described = tracking.PATHS[path][method]["responses"][str(response.status_code)]
    assert set(described.get("headers", {})) <= set(response.headers)
    assert not response.content or response["Content-Type"].partition(";")[0] in described["content"]


def test_a_token_fits_its_description(account, api, shop):
    make_campaign(account)
    token = api("/campaigns/query", shop.event())[1]["campaigns"][0]["id"]
    check(token, tracking.TOKEN["schema"])


# --- webhooks ---

MESSAGE = {"$ref": "#/components/schemas/WebhookMessage"}


def test_the_examples_of_messages_fit_their_schema():
    body = document()["webhooks"]["membershipChanged"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        check(example["value"], body["schema"])


def test_what_a_webhook_is_sent_is_described(account, api, shop):
    webhook = Webhook.objects.create(account=account, url="https://8.8.8.8/", level=Webhook.Level.BOTH)
    api("/profiles/segments", shop.profile(assignees=["VIP"]))
    api("/visitors/segments", shop.visitor(assignees=["VIP"]))
    outbox.collect()
    outbox.test_message(webhook, now())
    messages = list(Delivery.objects.values_list("payload", flat=True))
    assert len(messages) == 3
    for message in messages:
        check(message, MESSAGE)
        assert set(message) <= set(webhooks.MESSAGE["properties"])


def test_the_causes_are_those_of_history():
    assert set(webhooks.MESSAGE["properties"]["cause"]["enum"]) == set(MembershipChange.Cause.values)


def test_the_times_of_the_back_off_are_those_of_the_document():
    minutes = [length.total_seconds() / 60 for length in BACK_OFF]
    assert minutes[1:] == [1, 5, 30, 120, 360, 720, 1440]
    assert "after 10 seconds, 1, 5 and 30 minutes, 2, 6, 12 and 24 hours" in " ".join(webhooks.DESCRIPTION.split())
