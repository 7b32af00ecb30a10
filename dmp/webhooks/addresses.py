"""Where a webhook may lead: to the public internet only, so that nobody reaches the house's own machines with it.

The address that was checked is the one that is connected to: a name is resolved once for each request.
"""

import socket
import threading
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

PORTS = frozenset({80, 443, *range(8000, 9000)})
RESOLVE_SECONDS = 3.0
PUBLIC_6 = ip_network("2000::/3")
NOT_PUBLIC = [
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        "168.63.129.16/32",  # a cloud's own services for the machines in it
        # Tunnels to IPv4 (Teredo, 6to4), benchmarks, documentation: any of them may end inside.
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
]
"""IANA's special-purpose registries, written out: Python's own tables differ from release to release."""


class Refused(Exception):
    """An address that a webhook may not have; says why."""


class Target(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORT[self.scheme] else f"{host}:{self.port}"


DEFAULT_PORT = {"http": 80, "https": 443}


def target_of(url: str) -> Target:
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise Refused("Write the URL in ASCII without spaces; a host name with other letters as xn--…")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused(f"This is no URL: {error}.") from error
    if parts.scheme not in DEFAULT_PORT or not parts.hostname:
        raise Refused("Give a whole URL that starts with https:// or http://.")
    if "@" in parts.netloc:
        raise Refused("Take user name and password out of the URL: messages are signed.")
    port = DEFAULT_PORT[parts.scheme] if port is None else port
    if port not in PORTS:
        raise Refused("Only the ports 80, 443 and 8000 to 8999 are allowed.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, parts.hostname, port, path)


def check_url(url: str) -> None:
    """Refuses what `post` would refuse now."""
    target = target_of(url)
    addresses_of(target, RESOLVE_SECONDS)


def addresses_of(target: Target, seconds: float) -> list[str]:
    """The addresses of the host. One that is not public refuses them all."""
    found = list(dict.fromkeys(resolve(target.host, target.port, seconds)))
    for text in found:
        if not settings.WEBHOOK_ALLOW_PRIVATE and not is_public(text):
            raise Refused(f"{target.host} is at {text}, which is no public address.")
    return found


def is_public(text: str) -> bool:
    """Whether an address is a global unicast one."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:  # with a zone, such as fe80::1%eth0
        return False
    if isinstance(address, IPv6Address) and address not in PUBLIC_6:
        return False  # so is each IPv4 address written as one of IPv6
    special = any(address in network for network in NOT_PUBLIC if network.version == address.version)
    return address.is_global and not address.is_multicast and not special


def resolve(host: str, port: int, seconds: float) -> list[str]:
    """The resolver's answer, in its order. It has no time limit of its own: a thread is left behind that waits."""
    answer: list[str] = []
    errors: list[Exception] = []

    def ask() -> None:
        try:
            answer.extend(str(info[4][0]) for info in lookup(host, port))
        except (OSError, UnicodeError) as error:
            errors.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise Refused(f"{host} was not resolved in time.")
    if errors or not answer:
        raise Refused(f"{host} is not known to the name servers.")
    return answer


def lookup(host: str, port: int) -> list[tuple[int, int, int, str, tuple[str | int | bytes, ...]]]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
