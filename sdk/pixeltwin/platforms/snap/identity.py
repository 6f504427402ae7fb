"""Who did it: Snap's `user_data`, one table field by field, and the signals of the ad click.

Sources: Snap's Conversions API reference ("Parameters": User Data, read 2026-08), its business SDK for the v3 API
(2025-05-22), and its server-side tag for Google Tag Manager, which marks what is hashed and what goes raw.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...contract import Platform
from ...conversion import Conversion
from ...frozen import FrozenDict
from ...normalising.normal import (
    compact,
    country_code,
    email_address,
    gender_letter,
    ip_canonical,
    phone_digits,
    postal_compact,
    state_code,
    trimmed,
    without_punctuation,
)
from ...visitor import AnyVisitor, Rule
from ...withholding import signal

_DEVICE_ID = re.compile(r"(?!0{8}-0{4}-0{4}-0{4}-0{12})[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def gender(value: str) -> str | None:
    """m or f: Snap documents no other letter."""
    letter = gender_letter(value)
    return letter if letter != "n" else None


def device_id(value: str) -> str | None:
    """An IDFA or AAID in lower case with hyphens; None for anything else and for the zeros of those who opted out."""
    text = value.strip().lower()
    return text if _DEVICE_ID.fullmatch(text) else None


#   ours → user_data's key, and the normal form that is hashed (SHA-256 in lower-case hex); all are lists of people
LISTS: Mapping[str, tuple[str, Rule]] = {
    "email": ("em", Rule("email_address", email_address)),
    "phone": ("ph", Rule("phone_digits", phone_digits)),  # country code first, neither + nor 00 nor trunk zero
    "first_name": ("fn", Rule("without_punctuation", without_punctuation)),
    "last_name": ("ln", Rule("without_punctuation", without_punctuation)),
    "gender": ("ge", Rule("snap_gender", gender)),
    "city": ("ct", Rule("compact", compact)),
    "state": ("st", Rule("state_code", state_code)),
    "postal_code": ("zp", Rule("postal_compact", postal_compact)),
    "country": ("country", Rule("country_code", country_code)),
    "external_id": ("external_id", Rule("trimmed", trimmed)),
}
# One raw value each. The hashed IP address and device ids of the v2 API are gone: v3 calls a hashed IP invalid.
SINGLES: Mapping[str, tuple[str, Rule]] = {
    "ip_address": ("client_ip_address", Rule("ip_canonical", ip_canonical, hashed=False)),
    "mobile_ad_id": ("madid", Rule("snap_device_id", device_id, hashed=False)),
    "idfv": ("idfv", Rule("trimmed_raw", trimmed, hashed=False)),
}
IDENTITY: Mapping[str, Rule] = FrozenDict({field: rule for field, (_, rule) in (*LISTS.items(), *SINGLES.items())})
KEYS: Mapping[str, str] = {field: key for field, (key, _) in (*LISTS.items(), *SINGLES.items())}
# The pixel's own keys: it takes digests of these two alone, everything else about a person it would send in plain.
INIT: Mapping[str, str] = {"email": "user_hashed_email", "phone": "user_hashed_phone_number"}


def user_data(platform: Platform, visitor: AnyVisitor) -> dict[str, Any]:
    """What the platform may know of the visitor, under Snap's keys."""
    said: dict[str, Any] = {
        KEYS[field]: found[0] if field in SINGLES else list(found) for field, found in platform.wires(visitor).items()
    }
    if visitor.user_agent and "user_agent" not in platform.withhold:
        said["client_user_agent"] = visitor.user_agent
    if click := signal(platform, visitor, "click_ids"):
        said["sc_click_id"] = click
    if browser := signal(platform, visitor, "browser_ids"):
        said["sc_cookie1"] = browser
    return said


def matched(platform: Platform, conversion: Conversion) -> bool:
    """Whether Snap could match anybody: it asks for one of these (Using the API)."""
    who = platform.sealed(conversion.visitor)
    if platform.wire(who, "email") or platform.wire(who, "phone"):
        return True
    if platform.wire(who, "mobile_ad_id") and trackable(conversion):
        return True
    return bool(who.user_agent and "user_agent" not in platform.withhold and platform.wire(who, "ip_address"))


def trackable(conversion: Conversion) -> bool:
    """Whether the person's ad id may be told: in an app, unless he refused tracking there."""
    app = conversion.app
    return conversion.action_source != "app" or app is None or app.tracking_allowed is not False
