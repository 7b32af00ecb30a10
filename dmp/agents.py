"""What a User-Agent tells: the device, and whether it is a declared bot."""

import re
from functools import lru_cache
from typing import NamedTuple

from crawlerdetect.providers import crawlers, exclusions

# HTTP libraries are apps and servers of shops, though the bot lists name them.
LIBRARIES = (
    *("curl/", "wget/", "okhttp", "python-requests", "python-urllib", "python-httpx", "aiohttp", "go-http-client"),
    *("java/", "apache-httpclient", "cfnetwork", "dart/", "axios/", "node-fetch", "node", "undici", "guzzlehttp"),
    *("libwww-perl", "ruby", "faraday", "postmanruntime", "insomnia", "dalvik", "alamofire", "http_request2"),
    *("reqwest", "ktor-client", "unirest", "restsharp", "httpie"),
)
MAX_LENGTH = 512
"""What is read of a User-Agent. Anybody may send 8 KiB of it, and each cached one is kept whole."""
ANY_WORD = r"[a-z0-9\-_]*"
"""How one pattern of the list starts: it changes no match, and takes seconds on a long word."""
HEADLESS = ("headlesschrome", "phantomjs", "slimerjs", "puppeteer", "playwright", "selenium")


class Agent(NamedTuple):
    device: str
    bot: bool


def agent(user_agent: str) -> Agent:
    """The device ("desktop", "tablet" or "mobile") and whether it says itself that it is a crawler, a link previewer
    or a headless browser."""
    return known_agent(user_agent[:MAX_LENGTH])


@lru_cache(maxsize=8192)
def known_agent(user_agent: str) -> Agent:
    """Cached: the bot list takes up to 400 us."""
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
    excluded, listed = bot_patterns()
    return listed.search(excluded.sub("", user_agent.strip())) is not None


@lru_cache(maxsize=1)
def bot_patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What no bot is known by, and what each is."""
    listed = [pattern.removeprefix(ANY_WORD) for pattern in crawlers.data]
    return re.compile("|".join(exclusions.data), re.IGNORECASE), re.compile("|".join(listed), re.IGNORECASE)
