"""How requests travel: a JSON body by POST, an answer or an error. Nothing but the standard library."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from segmenthub_client.errors import SegmentHubError, Unreachable, error_of

Json: TypeAlias = "None | bool | int | float | Decimal | str | UUID | Sequence[Json] | Mapping[str, Json]"
"""What a body may hold; `None` at its top is left out."""
VERSION = "0.1.0"


class Transport:
    """`base_url` is where SegmentHub answers, `account` the account's id, `token` an API token (events need none),
    `timeout` how many seconds an answer may take. Safe to share between threads."""

    def __init__(self, base_url: str, account: UUID | str, token: str | None = None, *, timeout: float = 10.0) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ValueError("base_url starts with http:// or https://.")
        self.base_url, self.account, self.timeout = base_url.rstrip("/"), account, timeout
        self._token = token

    def _post(self, path: str, body: Mapping[str, Json], *, with_token: bool) -> Any:
        sent: dict[str, Json] = {"account": self.account}
        sent.update((key, value) for key, value in body.items() if value is not None)
        if with_token:
            if not self._token:
                raise SegmentHubError("This operation needs a token. Give SegmentHub one from Account > API Tokens.")
            sent["token"] = self._token
        data = json.dumps(sent, default=plain, allow_nan=False).encode()
        headers = {"Content-Type": "application/json", "User-Agent": f"segmenthub-client/{VERSION}"}
        request = urllib.request.Request(self.base_url + path, data, headers)  # noqa: S310  # the scheme is checked
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:  # noqa: S310
                return json.load(response)
        except urllib.error.HTTPError as refused:
            with refused:
                raise error_of(refused.code, refused.headers.get("Retry-After"), refused.read()) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.base_url} gave no answer: {error}") from error


def plain(value: object) -> object:
    """What JSON has no word for: a sequence or mapping of another kind, and the text of everything else."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Decimal):
        return format(value, "f")  # the API reads numbers of texts, and all digits of them
    return list(value) if isinstance(value, Sequence) else str(value)
