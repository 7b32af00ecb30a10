"""The browser SDK as shops load it: `/sdk/v1.js`, always the newest, and `/sdk/v1.0.0.js`, which never changes."""

import base64
import gzip
import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe

DIST = Path(settings.BASE_DIR) / "sdk" / "dist"
VERSIONED = re.compile(r"v(\d+)\.(\d+)\.(\d+)\.js")
NEWEST = "public, max-age=300"
IMMUTABLE = "public, max-age=31536000, immutable"
ANYWHERE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


class File(NamedTuple):
    raw: bytes
    gzipped: bytes
    integrity: str
    """For the `integrity` of a script tag, and as ETag."""


@lru_cache(maxsize=1)
def files() -> dict[str, File]:
    """What can be loaded, by name. All of it is small and read once."""
    return {path.name: read(path) for path in DIST.glob("*.*js")}


def read(path: Path) -> File:
    raw = path.read_bytes()
    digest = base64.b64encode(hashlib.sha384(raw).digest()).decode()
    return File(raw, gzip.compress(raw, 9, mtime=0), f"sha384-{digest}")


def newest() -> str:
    """The name of the newest version, such as v1.0.0.js."""
    versions = [found for name in files() if (found := VERSIONED.fullmatch(name))]
    return max(versions, key=lambda found: tuple(map(int, found.groups()))).string


@require_safe
def serve(request: HttpRequest, name: str) -> HttpResponse:
    file = files().get(name)
    if file is None:
        return HttpResponse("There is no such version of the SDK.\n", "text/plain", 404, headers=ANYWHERE)
    zipped = "gzip" in request.headers.get("Accept-Encoding", "")
    etag = f'"{file.integrity}{"-gzip" if zipped else ""}"'
    if etag in request.headers.get("If-None-Match", ""):
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(file.gzipped if zipped else file.raw, "text/javascript; charset=utf-8")
        if zipped:
            response["Content-Encoding"] = "gzip"
    response["ETag"] = etag
    response["Vary"] = "Accept-Encoding"
    response["Cache-Control"] = IMMUTABLE if VERSIONED.fullmatch(name) else NEWEST
    for header, value in ANYWHERE.items():
        response[header] = value
    return response
