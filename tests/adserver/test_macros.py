import json
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Attribute
from adserver.macros import MOST, MacroError, compile_macros, readable_values, render
from adserver.models import Creative
from tests.adserver.offers import make_campaign

NAME = '{{ attributes.firstName|default:"you" }}'
HOSTILE = [
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    '" onload=alert(1) x="',
    "' onload=alert(1) x='",
    "--><script>",
    "</a>",
    "//evil.example",
    "\\evil.example",
    "@evil.example",
    "../../x",
    "..",
    "{{constructor.constructor('x')()}}",
    "{{ attributes.email }}",
    "\x00\r\nSet-Cookie: a=b",
    "‮evil",
    "x" * 10_000,
    "\ud800",
]


def html(text, **values):
    found = compile_macros("html", {"html": text}, "")
    assert found is not None
    return render(found, said(values))[0]["html"]


def in_json(text, **values):
    found = compile_macros("json", {"title": text}, "")
    assert found is not None
    return render(found, said(values))[0]["title"]


def link(text, **values):
    found = compile_macros("image", None, text)
    assert found is not None
    return render(found, said(values))[1]


def said(values):
    return readable_values(values, dict.fromkeys(values, False))


class Shape(HTMLParser):
    """The tags of a page with the names of their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, [name for name, value in attrs]))

    def handle_comment(self, data):
        self.tags.append(("!", []))


def test_a_value_stands_where_its_macro_stood():
    assert html(f"<b>Hi {NAME}!</b>", firstName="Ada") == "<b>Hi Ada!</b>"


@pytest.mark.parametrize("value", [None, "", [], "  ", [None], {"a": 1}])
def test_without_a_value_the_default_stands(value):
    assert in_json(f"Hi {NAME}", firstName=value) == "Hi you"


def test_without_a_default_nothing_stands():
    assert in_json("Hi {{attributes.firstName}}!") == "Hi !"


@pytest.mark.parametrize(
    ("value", "text"), [(["Ada", "Bob"], "Ada"), (True, "true"), (3, "3"), ([{"value": "Ada"}], "Ada")]
)
def test_the_first_of_many_values_is_said(value, text):
    assert in_json(NAME, firstName=value) == text


def test_a_creative_without_macros_needs_nothing_of_the_person():
    assert compile_macros("json", {"title": "{{ own }} braces"}, "https://shop.example/") is None


def test_it_tells_which_attributes_it_needs():
    found = compile_macros("json", [NAME], "https://shop.example/?c={{ attributes.city }}")
    assert found is not None
    assert (found.content_names, found.link_names) == ({"firstName"}, {"city"})


PAGE = f'<div title="{NAME}" data-name=\'{NAME}\'>Hi {NAME}<a href="https://shop.example/?n={NAME}">go</a></div>'


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_breaks_out_of_html(value):
    assert Shape(html(PAGE, firstName=value)).tags == [("div", ["title", "data-name"]), ("a", ["href"])]


@given(st.text())
def test_no_text_breaks_out_of_html(value):
    assert Shape(html(PAGE, firstName=value)).tags == [("div", ["title", "data-name"]), ("a", ["href"])]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("text", ["https://shop.example/{}", "http://shop.example:81?q={}", "https://a.b#{}"])
def test_no_value_leads_to_another_place(text, value):
    before, after = urlsplit(text), urlsplit(link(text.format(NAME), firstName=value))
    assert (after.scheme, after.netloc) == (before.scheme, before.netloc)
    assert not {".", ".."} & set(after.path.split("/"))


@given(st.text())
def test_a_link_with_any_text_is_ascii_without_spaces(value):
    found = link(f"https://shop.example/{NAME}/x", firstName=value)
    assert found.isascii()
    assert found.count("/") == 4
    assert " " not in found


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_opens_a_tag_or_runs_in_a_text_of_json(value):
    found = in_json(NAME, firstName=value)
    assert not {"<", ">"} & set(found)
    assert not found.startswith("javascript:")
    assert json.loads(json.dumps({"title": found}).encode()) == {"title": found}


def test_two_values_together_make_nothing_that_runs():
    text = "{{ attributes.a }}{{ attributes.b|default:'x' }}"
    assert in_json(text, a="javascript", b=":alert(1)") == "x"


def test_an_address_in_json_stays_where_it_leads():
    assert in_json(f"https://shop.example/?n={NAME}", firstName="a&b/ü") == "https://shop.example/?n=a%26b%2F%C3%BC"


def test_html_in_json_is_escaped_as_html():
    assert in_json(f"<b>{NAME}</b>", firstName="<i>") == "<b>&lt;i&gt;</b>"


@pytest.mark.parametrize("value", ["{{ x }}", "{{{{x}}}}", "{{ attributes.email }}"])
def test_a_value_brings_no_macro_of_its_own(value):
    assert "{{" not in html(f"<b>{NAME}</b>", firstName=value, email="a@b.example")


def test_a_long_value_is_cut():
    assert in_json(NAME, firstName="x" * 10_000) == "x" * MOST


# --- refused when saved ---
@pytest.mark.parametrize(
    "text",
    [
        f"<script>var a = '{NAME}'</script>",
        f"<SCRIPT >{NAME}</script>",
        f"<style>a{{color:{NAME}}}</style>",
        f"<a title={NAME}>x</a>",
        f"<a onclick=\"x('{NAME}')\">x</a>",
        f'<a style="color:{NAME}">x</a>',
        f"<a {NAME}>x</a>",
        f"<{NAME}>",
        f"<b{NAME}>",
        f"<!-- {NAME} -->",
        f"<!--> {NAME} -->",
        f"<!-- --!><a x={NAME} -->",
        f"<!-- --!><script>--> {NAME}",
        f"<! {NAME}>",
        f"<svg><![CDATA[ {NAME} ]]></svg>",
        f'<iframe srcdoc="{NAME}"></iframe>',
        f'<iframe src="https://shop.example/{NAME}"></iframe>',
        f'<a href="{NAME}">x</a>',
        f'<a href="https://{NAME}/">x</a>',
        f'<a href="https://shop.example{NAME}">x</a>',
        f'<a href="https://u@{NAME}">x</a>',
        f'<a href="//{NAME}">x</a>',
        f'<a href="/{NAME}/evil.example">x</a>',
        f'<a href="javascript:x({NAME})">x</a>',
        f'<a href="java&#115;cript:/{NAME}">x</a>',
        f'<meta http-equiv="refresh" content="0;{NAME}">',
        f"<textarea>{NAME}</textarea>",
        f"<plaintext></plaintext>{NAME}",
        f"<script><!--<script></script>{NAME}</script>",
        f'<a title="{NAME}',
        f"<b>{NAME}</b><a",
        "<b>{{ firstName }}</b>",
        "<b>{{ attributes.firstName|upper }}</b>",
        "<b>{{ attributes. }}</b>",
    ],
)
def test_a_place_that_cannot_be_escaped_is_refused(text):
    with pytest.raises(MacroError, match=r"\. |\.$"):
        compile_macros("html", {"html": text}, "")


@pytest.mark.parametrize(
    "text",
    [
        NAME,
        f"{NAME}://shop.example/",
        f"https://{NAME}.example/",
        f"https://shop.example{NAME}",
        f"https://shop.example:{NAME}/",
        f"https://a@{NAME}/",
        f"/{NAME}",
        f"https://shop.example\\{NAME}",
        "https://shop.example/{{ x }}",
    ],
)
def test_a_link_has_its_host_before_the_first_macro(text):
    with pytest.raises(MacroError):
        compile_macros("image", None, text)


@pytest.mark.parametrize("text", [f"<{NAME}>", f"<script>{NAME}</script>", f"a<b {NAME}"])
def test_html_in_json_is_refused_where_html_is(text):
    with pytest.raises(MacroError):
        compile_macros("json", {"title": text}, "")


def test_a_macro_in_a_name_of_json_is_refused():
    with pytest.raises(MacroError, match="is a name"):
        compile_macros("json", {NAME: 1}, "")


# --- who may read what ---
def test_a_personal_attribute_is_said_only_to_whom_the_shop_signed():
    stored, personal = {"firstName": ["Ada"], "city": ["Rome"]}, {"firstName": True, "city": False}
    assert readable_values(stored, personal) == {"city": "Rome"}
    assert readable_values(stored, personal, signed=True) == {"firstName": "Ada", "city": "Rome"}


def test_an_attribute_that_is_not_defined_any_more_is_not_said():
    assert readable_values({"gone": ["x"]}, {}, signed=True) == {}


# --- a creative, when saved ---
@pytest.fixture
def saved(account):
    Attribute.objects.update_or_create(account=account, name="firstName", defaults={"personal": True})
    Attribute.objects.update_or_create(account=account, name="city", defaults={"personal": False})
    campaign = make_campaign(account)

    def saved(**fields):
        Creative(campaign=campaign, name="B", **fields).full_clean()

    return saved


def errors_of(saved, **fields):
    with pytest.raises(ValidationError) as caught:
        saved(**fields)
    return caught.value.message_dict


def test_defined_attributes_are_fine(saved):
    saved(content={"title": NAME}, link="https://shop.example/?c={{ attributes.city }}")


@pytest.mark.parametrize("field", ["content", "link"])
def test_an_unknown_attribute_is_refused(field, saved):
    value = "https://shop.example/{{ attributes.gone }}"
    assert "no attribute “gone”" in str(errors_of(saved, **{field: {"a": value} if field == "content" else value}))


def test_a_personal_attribute_in_a_link_is_refused(saved):
    assert "“firstName” is personal" in str(errors_of(saved, link=f"https://shop.example/?c={NAME}"))


def test_a_bad_place_is_told_beside_its_field(saved):
    assert errors_of(saved, type="html", content={"html": f"<script>{NAME}</script>"}).keys() == {"content"}
    assert errors_of(saved, link=NAME).keys() == {"link"}
