"""The app an event happened in: Snap's `app_data` (Conversions API, "Using the API", and its v3 SDK, 2025-05-22)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...app import App, Device
from ...contract import Loss, Platform
from ...conversion import Conversion
from ...errors import CannotSend
from ...visitor import AnyVisitor

# What stands where in `extinfo`, sixteen texts in this order, empty where not known. The first and the operating
# system's version are required.
EXTINFO = (
    "i2 (iOS) or a2 (Android)",
    "package name",
    "short version",
    "long version",
    "version of the operating system",
    "device model",
    "locale",
    "time zone abbreviation",
    "carrier",
    "screen width",
    "screen height",
    "screen density",
    "CPU cores",
    "storage in GB",
    "free storage in GB",
    "device time zone",
)
_UNKNOWN_DEVICE = Device()


def app_data(platform: Platform, conversion: Conversion, *, tracked: bool) -> dict[str, Any]:
    """What a MOBILE_APP event says of its app. `tracked`: the event carries a mobile ad id."""
    app = described(platform, conversion)
    # Whoever refused tracking (Apple's App Tracking Transparency) or allowed limited use only is 0. Where the answer is
    # not known the ad id tells it: a device gives it only to apps that may track its owner.
    allowed = app.tracking_allowed if app.tracking_allowed is not None else tracked
    said: dict[str, Any] = {
        "app_id": app.id.strip(),
        "advertiser_tracking_enabled": int(allowed and not platform.limited(conversion.consent)),
        "extinfo": extinfo(app, conversion.visitor),
    }
    if app.install_referrer:
        said["install_referrer"] = app.install_referrer
    if app.store:
        said["installer_package"] = app.store
    return said


def described(platform: Platform, conversion: Conversion) -> App:
    """The app of a MOBILE_APP event, which must be known with the version of its system."""
    app = conversion.app
    if app is None or not app.os_version:
        missing = "app=App(…)" if app is None else "App(os_version=…)"
        raise CannotSend(platform.name, "no_app", f"Snap takes no app event without its app; give {missing}")
    return app


def extinfo(app: App, visitor: AnyVisitor) -> list[str]:
    """The sixteen texts, see EXTINFO. Locales are written with a low line, as in Snap's example (en_US)."""
    device = app.device or _UNKNOWN_DEVICE
    width, height = (device.width, device.height) if device.width and device.height else visitor.screen or (None, None)
    return [
        "i2" if app.platform == "ios" else "a2",
        app.package_name or (app.id.strip() if app.platform == "android" else ""),
        app.version or "",
        app.build or "",
        app.os_version or "",
        device.model or "",
        (device.locale or "").replace("-", "_"),
        device.timezone_abbreviation or "",
        device.carrier or "",
        _number(width),
        _number(height),
        _number(device.density),
        _number(device.cpu_cores),
        _number(device.storage),
        _number(device.free_storage),
        device.timezone or "",
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def losses(platform: Platform, conversion: Conversion) -> Iterator[Loss]:
    """What of an app Snap has no field for, and what it will not like."""
    app = conversion.app
    if app is None or conversion.action_source != "app":
        return
    device = app.device or _UNKNOWN_DEVICE
    unsaid = {
        "app.name": app.name,
        "app.device.brand": device.brand,
        "app.device.type": device.type,
        "app.device.wifi": device.wifi,
    }
    for field, value in unsaid.items():
        if value is not None and value != "":
            yield Loss(platform.name, field, "unsupported_field", f"Snap has no field for {field}; it is left out")
    if app.platform == "ios" and not app.id.strip().isdigit():
        detail = "Snap knows an iOS app by its number in the App Store; it is sent as given"
        yield Loss(platform.name, "app.id", "doubtful_app_id", detail)
    if app.tracking_allowed is False and platform.wire(conversion.visitor, "mobile_ad_id"):
        detail = "the person refused to be tracked, so his mobile ad id is left out"
        yield Loss(platform.name, "mobile_ad_id", "tracking_refused", detail)
