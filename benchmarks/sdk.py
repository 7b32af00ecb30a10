"""What the SDK costs a page: CPU milliseconds of the main thread in Chromium, medians of 15 fresh pages with it less
those of pages without.

    .venv/bin/python -m benchmarks.sdk

`start` is all JavaScript of a page without slots until half a second after it was read: the script, the visitor id and
the page view. `shown` is that of a page where the answer fills a slot.
"""

import json
import shutil
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Route, sync_playwright

SCRIPT = (Path(__file__).parents[1] / "sdk" / "dist" / "v1.js").read_text()
SITE = "http://127.0.0.1:9"
TAG = f'<script data-account="x" data-api-host="{SITE}">{SCRIPT}</script>'
ANSWER = {"id": "t", "campaign": "c", "placement": "p", "variant": "A", "type": "json", "content": {"title": "Sale"}}
SLOT = "<div data-sh-slot=p></div>"


def visit(browser: Browser, body: str) -> float:
    page = browser.new_page()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(json={"status": 200, "campaigns": [ANSWER]})
        else:
            route.fulfill(body="<!doctype html>" + body, content_type="text/html")

    page.route("**/*", answer)
    page.goto(SITE)
    page.wait_for_timeout(500)
    metrics = {each["name"]: each["value"] * 1000 for each in session.send("Performance.getMetrics")["metrics"]}
    page.close()
    return metrics["ScriptDuration"]


def main() -> None:
    with sync_playwright() as playwright:
        options: dict[str, Any] = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        pages = {"without": SLOT, "start": TAG, "shown": SLOT + TAG}
        cost = {name: median(visit(browser, body) for _ in range(15)) for name, body in pages.items()}
        browser.close()
    print(json.dumps({name: round(cost[name] - cost["without"], 2) for name in ("start", "shown")}))


if __name__ == "__main__":
    main()
