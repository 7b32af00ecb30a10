"""What the SDK costs a page at its start: main-thread milliseconds in Chromium, medians of 15 fresh pages.

    .venv/bin/python -m benchmarks.sdk

`start` is compiling and running the script until it has started; `script` all JavaScript of the page's first second,
the first page view and its answer included, less that of the page without the SDK.
"""

import json
import shutil
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, Route, sync_playwright

SCRIPT = (Path(__file__).parents[1] / "sdk" / "dist" / "v1.js").read_text()
SITE = "http://www.shop.example"
TAG = f'<script data-account="x" data-api-host="{SITE}">{SCRIPT}</script>'
CLOCK = "<script>(window.times ||= []).push(performance.now())</script>"
ANSWER = {"id": "t", "campaign": "c", "placement": "p", "variant": "A", "type": "json", "content": {"title": "Sale"}}
SLOT = "<div data-sh-slot=p></div>"


def visit(browser: Browser, body: str) -> tuple[float, float]:
    page = browser.new_page()
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            route.fulfill(json={"status": 200, "campaigns": [ANSWER]})
        else:
            route.fulfill(body="<!doctype html>" + body, content_type="text/html")

    page.route("**/*", answer)
    page.goto(SITE)
    page.wait_for_timeout(1000)
    before, after = page.evaluate("times")
    metrics = {each["name"]: each["value"] * 1000 for each in session.send("Performance.getMetrics")["metrics"]}
    page.close()
    return after - before, metrics["ScriptDuration"]


def main() -> None:
    with sync_playwright() as playwright:
        options: dict[str, Any] = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        without = [visit(browser, CLOCK + CLOCK + SLOT) for _ in range(15)]
        with_sdk = [visit(browser, CLOCK + TAG + CLOCK + SLOT) for _ in range(15)]
        browser.close()
    start = median(each[0] for each in with_sdk) - median(each[0] for each in without)
    script = median(each[1] for each in with_sdk) - median(each[1] for each in without)
    print(json.dumps({"start": round(start, 2), "script": round(script, 2)}))


if __name__ == "__main__":
    main()
