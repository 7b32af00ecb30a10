"""The typed client of SegmentHub's API for servers: `SegmentHub(base_url, account, token)`."""

from segmenthub_client.client import SegmentHub
from segmenthub_client.errors import (
    ApiError,
    BadRequest,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    SegmentHubError,
    ServerError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreachable,
    UnsupportedMediaType,
)
from segmenthub_client.transport import VERSION as __version__

__all__ = [
    "ApiError",
    "BadRequest",
    "Forbidden",
    "MethodNotAllowed",
    "NotFound",
    "SegmentHub",
    "SegmentHubError",
    "ServerError",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "UnsupportedMediaType",
    "__version__",
]
