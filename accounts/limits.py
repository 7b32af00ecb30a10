"""Limits: requests a minute per token (and per address where the operator wants it), by a token bucket in Valkey.

Without Valkey each process allows the whole rate by itself: a limit must never be why an event is lost.
"""

import threading
import time

from django.conf import settings

from accounts import valkey
from accounts.errors import Problem, TooMany
from accounts.tokens import Token

BUCKET = """
local now = redis.call('TIME')
local at = now[1] + now[2] / 1000000
local burst = tonumber(ARGV[1])
local bucket = redis.call('HMGET', KEYS[1], 'left', 'at')
local left = tonumber(bucket[1]) or burst
left = math.min(burst, left + (at - (tonumber(bucket[2]) or at)) * burst / 60)
local wait = 0
if left >= 1 then left = left - 1 else wait = (1 - left) * 60 / burst end
redis.call('HSET', KEYS[1], 'left', tostring(left), 'at', tostring(at))
redis.call('EXPIRE', KEYS[1], 120)
return tostring(wait)
"""

_bucket = valkey.Script(BUCKET)
_local: dict[str, tuple[float, float]] = {}
_lock = threading.Lock()


def check_token(token: Token) -> None:
    """Raises TooMany when the token used up its requests."""
    if token.rate_limit:
        check(f"limit:token:{token.id}", token.rate_limit, "token", "This token's requests a minute are used up.")


def check_address(address: str) -> None:
    """Raises TooMany when a client's address passed PUBLIC_RATE_PER_ADDRESS."""
    if settings.PUBLIC_RATE_PER_ADDRESS and address:
        check(f"limit:address:{address}", settings.PUBLIC_RATE_PER_ADDRESS, "", "Too many events from this address.")


def check(key: str, per_minute: int, field: str, message: str) -> None:
    wait = seconds_to_wait(key, per_minute)
    if wait > 0:
        retry_after = max(1, int(wait + 0.999))
        message = f"{message} Wait {retry_after} s."
        raise TooMany(message, [Problem(field, "too_many", message)], retry_after)


def seconds_to_wait(key: str, per_minute: int) -> float:
    """0 when the request may pass, else how long until one may."""
    try:
        return float(_bucket([key], [per_minute]))
    except valkey.Away:
        return local_wait(key, per_minute)


def local_wait(key: str, per_minute: int) -> float:
    at = time.monotonic()
    with _lock:
        if len(_local) > 10_000:
            _local.clear()
        left, since = _local.get(key, (float(per_minute), at))
        left = min(float(per_minute), left + (at - since) * per_minute / 60)
        passes = left >= 1
        _local[key] = (left - 1 if passes else left, at)
    return 0.0 if passes else (1 - left) * 60 / per_minute


def clear() -> None:
    """Forgets what this process counted by itself: for tests."""
    _local.clear()
