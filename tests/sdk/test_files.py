"""The script as shops load it."""

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from accounts.models import Account, Platform
from segmenthub import sdk

SDK = Path(__file__).parents[2] / "sdk"
VERSION = json.loads((SDK / "package.json").read_text())["version"]


@pytest.fixture
def get(client: Client) -> Callable[..., HttpResponse]:
    return lambda name, **headers: client.get(f"/sdk/{name}", **headers)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["v1.js", f"v{VERSION}.js", "segmenthub.mjs"])
def test_it_is_served_to_any_page(get: Any, name: str) -> None:
    response = get(name)
    assert response.status_code == 200
    assert response.content == (SDK / "dist" / name).read_bytes()
    assert response["Content-Type"] == "text/javascript; charset=utf-8"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert not response.cookies


@pytest.mark.django_db
def test_the_newest_is_kept_for_minutes_and_a_version_for_ever(get: Any) -> None:
    assert get("v1.js")["Cache-Control"] == "public, max-age=300"
    assert get(f"v{VERSION}.js")["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.django_db
def test_it_is_gzipped_where_that_is_accepted(get: Any) -> None:
    plain, zipped = get("v1.js"), get("v1.js", HTTP_ACCEPT_ENCODING="br, gzip")
    assert (zipped["Content-Encoding"], plain.has_header("Content-Encoding")) == ("gzip", False)
    assert gzip.decompress(zipped.content) == plain.content
    assert zipped["Vary"] == plain["Vary"] == "Accept-Encoding"


@pytest.mark.django_db
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_who_has_it_gets_304(get: Any, encoding: str) -> None:
    etag = get("v1.js", HTTP_ACCEPT_ENCODING=encoding)["ETag"]
    again = get("v1.js", HTTP_ACCEPT_ENCODING=encoding, HTTP_IF_NONE_MATCH=f'"x", {etag}')
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    assert again["Access-Control-Allow-Origin"] == "*"
    assert get("v1.js", HTTP_ACCEPT_ENCODING=encoding, HTTP_IF_NONE_MATCH='"x"').status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["v2.js", "v9.9.9.js", "", "../package.json", "../../manage.py", "v1.js/", "V1.js"])
def test_what_is_not_there_is_404(get: Any, name: str) -> None:
    assert get(name).status_code == 404


def test_it_is_at_most_5_kb() -> None:
    assert len(sdk.files()["v1.js"].gzipped) <= 5000


def test_the_newest_version_is_what_v1_gives() -> None:
    assert sdk.newest() == f"v{VERSION}.js"
    assert sdk.files()[sdk.newest()].raw == sdk.files()["v1.js"].raw


def test_it_neither_evaluates_nor_writes_markup() -> None:
    script = sdk.files()["v1.js"].raw.decode()
    assert not re.search(r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write", script)
    assert "sendBeacon" not in script


def test_the_lock_file_names_exact_versions_and_no_place() -> None:
    lock = json.loads((SDK / "package-lock.json").read_text())["packages"]
    assert all(re.fullmatch(r"[\d.]+", version) for version in lock[""]["devDependencies"].values())
    assert all("integrity" in package and "resolved" not in package for name, package in lock.items() if name)


# --- the panel ---


@pytest.fixture
def page(account: Account, client: Client, django_user_model: Any) -> Callable[[Platform], str]:
    def page(platform: Platform) -> str:
        platform.save()
        client.force_login(django_user_model.objects.create_user("o@example.com", is_superuser=True), BACKEND)
        client.post("/panel/switch/", {"account": str(account.pk)})
        return client.get(f"/panel/accounts/platform/{platform.pk}/change/").content.decode()

    return page


BACKEND = "django.contrib.auth.backends.ModelBackend"


def test_the_platforms_page_has_the_line_to_copy(account: Account, page: Any, settings: Any) -> None:
    shown = page(Platform(account=account, code='a"><b>'))
    line = f"&lt;script async src=&quot;{settings.API_URL}/sdk/v1.js&quot; data-account=&quot;{account.pk}&quot;"
    assert line in shown
    assert "data-platform=&quot;a&amp;quot;&amp;gt;&amp;lt;b&amp;gt;&quot;&gt;&lt;/script&gt;" in shown
    assert 'data-copy="#sdk-tag"' in shown


def test_and_the_hash_of_the_newest_version(account: Account, page: Any) -> None:
    shown = html.unescape(page(Platform(account=account, code="www.shop.example")))
    digest = hashlib.sha384((SDK / "dist" / f"v{VERSION}.js").read_bytes()).digest()
    assert (
        f'/sdk/v{VERSION}.js" integrity="sha384-{base64.b64encode(digest).decode()}" crossorigin="anonymous"' in shown
    )


def test_an_app_has_no_script_tag(account: Account, page: Any) -> None:
    assert "sdk-tag" not in page(Platform(account=account, code="app", type="ios"))
