"""What README.md tells to type runs, and answers as it says."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands
from django.urls import resolve

from accounts.clock import now
from segmenthub.demo import load_demo, shop
from tests.api.server import running_server

README = (Path(__file__).parents[1] / "README.md").read_text()
HOST = "http://127.0.0.1:8000"
CURLS = [block for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) if block.startswith("curl ")]
PATHS = sorted(set(re.findall(r"`(?:GET |POST )?(/[a-z][\w/.]*)`", README)))


@pytest.fixture(scope="module")
def url(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A server with a small demo shop."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as small:
        small.setattr("segmenthub.demo.behaviour.PEOPLE", 20)
        small.setattr("segmenthub.demo.behaviour.ANONYMOUS", 10)
        load_demo(now())
        with running_server() as port:
            yield f"http://127.0.0.1:{port}"


@pytest.mark.django_db
@pytest.mark.skipif(shutil.which("curl") is None, reason="There is no curl here.")
@pytest.mark.parametrize("block", CURLS)
def test_a_curl_is_answered_as_told(url: str, block: str) -> None:
    assert HOST in block
    done = subprocess.run(["sh", "-c", block.replace(HOST, url)], capture_output=True, text=True, timeout=30)
    answer = json.loads(done.stdout)
    assert (answer["status"], answer["message"]) == (200, "Campaigns executed successfully.")
    assert answer["campaigns"]
    assert all({"content", "placement", "link", "beacon"} <= set(campaign) for campaign in answer["campaigns"])


def test_there_is_a_curl_for_the_demo_shop() -> None:
    assert [shop.ACCOUNT in block for block in CURLS] == [True]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_told_is_there(path: str) -> None:
    assert resolve(f"{path}token" if path.endswith("/") else path)


def test_a_command_told_is_there() -> None:
    told = set(re.findall(r"manage\.py (\w+)", README))
    assert told <= {*get_commands(), "up"}
    assert {"provision", "import_events", "import_profiles"} <= told


def test_a_file_told_is_there() -> None:
    told = re.findall(r"`((?:accounts|dmp|cdp|adserver|segmenthub|templates|tests)/[\w/.]*)`", README)
    missing = [path for path in told if not (Path(__file__).parents[1] / path).exists()]
    assert missing == []
