"""The app an event happened in, and the device it ran on: conversions that have no browser half."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Device:
    """The phone or tablet an app event happened on. `locale` is BCP 47 ("en-US"), `timezone` an IANA name; width and
    height are pixels, storage is in GB."""

    brand: str | None = None
    model: str | None = None
    type: str | None = None
    carrier: str | None = None
    locale: str | None = None
    timezone: str | None = None
    timezone_abbreviation: str | None = None
    width: int | None = None
    height: int | None = None
    density: float | None = None
    cpu_cores: int | None = None
    storage: int | None = None
    free_storage: int | None = None
    wifi: bool | None = None


@dataclass(frozen=True, slots=True)
class App:
    """The app an event happened in. `id` is the App Store's number or the Play Store's package name.

    `tracking_allowed`: what the person answered to iOS's App Tracking Transparency question; None: not known.
    `build` is the long version, `store` the shop it came from.
    """

    platform: Literal["ios", "android"]
    id: str
    name: str | None = None
    version: str | None = None
    os_version: str | None = None
    build: str | None = None
    package_name: str | None = None
    store: str | None = None
    tracking_allowed: bool | None = None
    install_referrer: str | None = None
    device: Device | None = None

    def __post_init__(self) -> None:
        if self.platform not in ("ios", "android"):
            raise InvalidInput("App", [("platform", "give ios or android")])
        if not isinstance(self.id, str) or not self.id.strip():
            raise InvalidInput("App", [("id", "give the App Store's number or the Play Store's package name, as text")])

    def to_record(self) -> dict[str, Any]:
        """Plain data to be stored; `from_record` is its inverse."""
        record = {name: value for name, value in asdict(self).items() if value is not None}
        if self.device:
            record["device"] = {name: value for name, value in record["device"].items() if value is not None}
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> App:
        device = record.get("device")
        fields: dict[str, Any] = {**record, "device": None if device is None else Device(**device)}
        return cls(**fields)
