"""Where a request comes from: the client's address, and the country that it lies in."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings

HEADERS = ("HTTP_CF_IPCOUNTRY", "HTTP_CLOUDFRONT_VIEWER_COUNTRY", "HTTP_X_COUNTRY_CODE")
"""What content delivery networks and proxies tell, as ISO 3166 alpha-2."""
UNKNOWN = ("XX", "T1")


@lru_cache(maxsize=1)
def trusted() -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in settings.TRUSTED_PROXIES)


def client_address(meta: Mapping[str, Any]) -> str:
    """The peer's address, or behind TRUSTED_PROXIES the last one in X-Forwarded-For that is none of them."""
    address = str(meta.get("REMOTE_ADDR", ""))
    if not settings.TRUSTED_PROXIES or not is_trusted(address):
        return address
    for hop in reversed(str(meta.get("HTTP_X_FORWARDED_FOR", "")).split(",")):
        if hop.strip() and not is_trusted(hop.strip()):
            return hop.strip()[:64]
    return address


def is_trusted(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted())


@lru_cache(maxsize=1)
def geoip() -> Any:
    """The operator's country file (GEOIP_PATH), None without one."""
    if not settings.GEOIP_PATH:
        return None
    import maxminddb

    return maxminddb.open_database(settings.GEOIP_PATH)


def country(meta: Mapping[str, Any]) -> str | None:
    """The country as two lower-case letters, from a delivery network's header, else from the address."""
    for header in HEADERS:
        value = meta.get(header)
        if value and len(value) == 2 and value.isascii() and value.isalpha() and value.upper() not in UNKNOWN:
            return str(value).lower()
    database = geoip()
    if database is None:
        return None
    try:
        found = database.get(client_address(meta)) or {}
    except ValueError:
        return None
    code = found.get("country", {}).get("iso_code")
    return str(code).lower() if code else None
