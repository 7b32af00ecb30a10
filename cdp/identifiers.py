"""What a profileId says: its type, its normal form, and the values that never name anyone."""

import hmac
import re
import unicodedata
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import phonenumbers

from accounts.errors import Malformed
from accounts.models import Attribute
from accounts.snapshot import Configuration
from dmp.keys import key
from dmp.values import identifier, present

Type = Attribute.Identifier
ZEROS_AND_DASHES = re.compile(r"[0-]+", re.ASCII)

read_text = identifier(integers=True)


class Name(NamedTuple):
    """An identifier of an account: `told` is how it was given, `value` its normal form, `key` that of its row."""

    key: UUID
    type: str
    value: str
    told: str


@lru_cache(maxsize=65536)
def name(account: UUID, told: str, type: str | None = None) -> Name:
    """The identifier that a text is: an e-mail where it contains @, a phone where it is a possible international
    number, else a user id. `type` says it where the text alone does not decide."""
    folded = unicodedata.normalize("NFC", told.strip())
    if type is None:
        type, value = kind(folded)
    else:
        value = folded.lower() if type == Type.EMAIL else phone(folded) or folded if type == Type.PHONE else folded
    return Name(key(account, "p", f"{type}:{value}"), type, value, told.strip())


def kind(folded: str) -> tuple[str, str]:
    if "@" in folded:
        return Type.EMAIL.value, folded.lower()
    if folded.startswith("+") and (e164 := phone(folded)):
        return Type.PHONE.value, e164
    return Type.USER_ID.value, folded


@lru_cache(maxsize=8192)
def phone(text: str) -> str | None:
    """The E.164 form of an international number, None where it is not possible."""
    try:
        parsed = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def is_never(configuration: Configuration, text: str) -> bool:
    """Whether a text is one of the account's never-identifiers."""
    folded = text.strip().lower()
    return not folded or folded in configuration.never_identifiers or bool(ZEROS_AND_DASHES.fullmatch(folded))


def asserted(configuration: Configuration, body: dict[str, Any]) -> Name | None:
    """The profile that a public event names, None where it names nobody; raises Malformed for a wrong type or form."""
    value = body.get("profileId")
    if not present(value):
        return None
    text = read_text("profileId", value)
    if is_never(configuration, text):
        return None
    if configuration.require_signed_profiles and not signed(configuration, text, body.get("profileSignature")):
        return None
    return name(configuration.id, text)


def signed(configuration: Configuration, text: str, signature: Any) -> bool:
    """Whether the shop's server signed this profileId: hex HMAC-SHA256 by the account's identity secret."""
    if type(signature) is not str:
        return False
    expected = hmac.new(configuration.identity_secret.encode(), text.encode(), sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())


def required(configuration: Configuration, body: dict[str, Any]) -> Name:
    """The profile that a server names."""
    value = body.get("profileId")
    if not present(value):
        raise Malformed.field("profileId", "required", "Send “profileId”: the e-mail, phone or user id of the profile.")
    return name(configuration.id, read_text("profileId", value))
