"""Where an event happened: its source, the app it was in, and the device that ran it. The API alone has these fields.

The description (5.23.0, 2025-12) has most of them twice: flat in the event, which is the older form, and nested in
`app_info` and `device_info`. Pinterest does not say which of them it reads, so both are filled, with the same values.
The nested ones publish limits; a value beyond them would void the whole request and is left out in both places.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...conversion import Conversion


class AppField(NamedTuple):
    """One field of the app or its device: the event's own key and the nested one (None: not there). `most` is the
    longest text, or the highest whole number."""

    flat: str | None
    nested: str | None
    most: int
    number: bool = False


APP_FIELDS: Mapping[str, AppField] = {
    "id": AppField("app_id", "app_id", 200),
    "name": AppField("app_name", "app_name", 200),
    "version": AppField("app_version", "app_version", 100),
    "package_name": AppField(None, "app_package_name", 200),
    "store": AppField(None, "app_store", 100),
}
OS_VERSION = AppField("os_version", "os_version", 100)
DEVICE_FIELDS: Mapping[str, AppField] = {
    "brand": AppField("device_brand", "brand", 100),
    "carrier": AppField("device_carrier", "carrier", 100),
    "model": AppField("device_model", "model", 100),
    "type": AppField("device_type", "type", 100),
    "locale": AppField(None, "locale", 35),
    "timezone": AppField(None, "timezone", 40),
    "timezone_abbreviation": AppField(None, "timezone_abbr", 5),
    "width": AppField(None, "screen_width", 30720, number=True),
    "height": AppField(None, "screen_height", 30720, number=True),
    "cpu_cores": AppField(None, "cpu_cores", 1152, number=True),
    "storage": AppField(None, "storage_size", 1048576, number=True),
    "free_storage": AppField(None, "storage_free_space", 1048576, number=True),
}
_LARGEST_SCREEN = DEVICE_FIELDS["width"].most
_LANGUAGE = re.compile(r"([A-Za-z]{2})(?:-.*)?")  # ISO 639-1, of a locale such as "en-US"


def action_source(conversion: Conversion) -> str | None:
    """`web`, `offline`, `app_ios` or `app_android`; None when the app's system is not known."""
    if conversion.action_source != "app":
        return conversion.action_source
    return f"app_{conversion.app.platform}" if conversion.app else None


def usable(value: Any, field: AppField) -> Any:
    """A value as the API takes it; None for what it would refuse."""
    if field.number:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return value if whole and 0 <= value <= field.most else None
    text = value.strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= field.most else None


def app_fields(conversion: Conversion, *, newer: bool) -> dict[str, Any]:
    """What the API is told of the app and its device; Pinterest requires none of it.

    Whether the person may be tracked is `opt_out`, documented for both systems. `newer`: also as
    `advertiser_tracking_enabled`, which is iOS's word for it (Segment, 2026-08; not in 5.23.0).
    """
    app = conversion.app
    if app is None or conversion.action_source != "app":
        return {}
    found: dict[str, Any] = {}
    if isinstance(app.tracking_allowed, bool):
        found["opt_out"] = not app.tracking_allowed
        if newer and app.platform == "ios":
            found["advertiser_tracking_enabled"] = app.tracking_allowed
    app_info: dict[str, Any] = {}
    device_info: dict[str, Any] = {"os_family": app.platform}
    for name, field in APP_FIELDS.items():
        _put(field, getattr(app, name), found, app_info)
    _put(OS_VERSION, app.os_version, found, device_info)
    device = app.device
    if device:
        for name, field in DEVICE_FIELDS.items():
            _put(field, getattr(device, name), found, device_info)
        locale: str = device_info.get("locale", "")
        if "_" in locale:  # as the systems' own libraries write it; Pinterest asks for BCP 47
            locale = device_info["locale"] = locale.replace("_", "-")
        language = _LANGUAGE.fullmatch(locale)
        if language:
            found["language"] = language[1].lower()
        if isinstance(device.wifi, bool):
            found["wifi"] = device.wifi
            if device.wifi:
                device_info["network_type"] = "wifi"
    found["app_info"], found["device_info"] = app_info, device_info
    return found


def add_screen(found: dict[str, Any], screen: tuple[int, int]) -> None:
    """The visitor's screen, as his browser or app told it, where the device itself has not said it."""
    width, height = screen
    device_info = found.get("device_info", {})
    if max(width, height) <= _LARGEST_SCREEN and "screen_width" not in device_info:
        found["device_info"] = {**device_info, "screen_width": width, "screen_height": height}


def _put(field: AppField, value: Any, flat: dict[str, Any], nested: dict[str, Any]) -> None:
    value = usable(value, field)
    if value is None:
        return
    if field.flat:
        flat[field.flat] = value
    if field.nested:
        nested[field.nested] = value
