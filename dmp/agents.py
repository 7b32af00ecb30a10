"""What a User-Agent tells: the device, and whether it is a declared bot."""

from functools import lru_cache
from typing import NamedTuple

from crawlerdetect import CrawlerDetect

# HTTP libraries are apps and servers of shops, though the bot lists name them.
LIBRARIES = (
    *("curl/", "wget/", "okhttp", "python-requests", "python-urllib", "python-httpx", "aiohttp", "go-http-client"),
    *("java/", "apache-httpclient", "cfnetwork", "dart/", "axios/", "node-fetch", "node", "undici", "guzzlehttp"),
    *("libwww-perl", "ruby", "faraday", "postmanruntime", "insomnia", "dalvik", "alamofire", "http_request2"),
    *("reqwest", "ktor-client", "unirest", "restsharp", "httpie"),
)
HEADLESS = ("headlesschrome", "phantomjs", "slimerjs", "puppeteer", "playwright", "selenium")


class Agent(NamedTuple):
    device: str
    bot: bool


@lru_cache(maxsize=8192)
def agent(user_agent: str) -> Agent:
    """The device ("desktop", "tablet" or "mobile") and whether it says itself that it is a crawler, a link previewer
    or a headless browser. Cached: the bot list takes up to 400 us."""
    return Agent(device(user_agent.lower()), bot(user_agent))


def device(lower: str) -> str:
    if "ipad" in lower or "tablet" in lower or ("android" in lower and "mobile" not in lower) or "kindle" in lower:
        return "tablet"
    if any(word in lower for word in ("mobi", "iphone", "ipod", "android", "okhttp", "cfnetwork", "dalvik")):
        return "mobile"
    return "desktop"


def bot(user_agent: str) -> bool:
    lower = user_agent.strip().lower()
    if not lower or lower.startswith(LIBRARIES):
        return False
    if any(word in lower for word in HEADLESS):
        return True
    if " cfnetwork/" in lower:
        return False
    return bool(CrawlerDetect().isCrawler(user_agent))
