"""What the SDK costs a page: CPU milliseconds of the main thread in Chromium, medians of 15 fresh pages.

    .venv/bin/python -m benchmarks.sdk

`start` is compiling and running the script; `tasks` are those that follow, the longest first: cookies and storage, the
page view, its answer. The page goes on in between.
"""

import json
import shutil
from itertools import zip_longest
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Route, sync_playwright

SCRIPT = (Path(__file__).parents[1] / "sdk" / "dist" / "v1.js").read_text()
SITE = "http://www.shop.example"
PAGE = f'<!doctype html><div data-sh-slot=p></div><script data-account=x data-api-host="{SITE}">{SCRIPT}</script>'
ANSWER = {"id": "t", "campaign": "c", "placement": "p", "variant": "A", "type": "json", "content": {"title": "Sale"}}


def answer(route: Route) -> None:
    if route.request.method == "POST":
        route.fulfill(json={"status": 200, "campaigns": [ANSWER]})
    else:
        route.fulfill(body=PAGE, content_type="text/html")


def visit(browser: Browser) -> tuple[float, list[float]]:
    page = browser.new_page()
    page.route("**/*", answer)
    browser.start_tracing(page=page, categories=["devtools.timeline"])
    page.goto(SITE)
    page.wait_for_timeout(500)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    page.close()
    spent = {name: [e["tdur"] / 1000 for e in events if e["name"] == name and "tdur" in e] for name in NAMES}
    return max(spent["EvaluateScript"]), sorted(spent["TimerFire"] + spent["RunMicrotasks"], reverse=True)[:3]


NAMES = ("EvaluateScript", "TimerFire", "RunMicrotasks")


def main() -> None:
    with sync_playwright() as playwright:
        options: dict[str, Any] = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        starts, tasks = zip(*(visit(browser) for _ in range(15)), strict=True)
        browser.close()
    ranked = zip_longest(*tasks, fillvalue=0.0)
    print(json.dumps({"start": round(median(starts), 2), "tasks": [round(median(each), 2) for each in ranked]}))


if __name__ == "__main__":
    main()
