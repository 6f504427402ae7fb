"""What a tracker is given, checked at its start."""

from __future__ import annotations

from collections.abc import Sequence

from ..contract import Platform
from ..errors import ConfigurationError


def platforms(platforms: Sequence[Platform]) -> tuple[Platform, ...]:
    if not platforms:
        raise ConfigurationError("no platform is configured: pass at least one to Tracker([…])")
    for attribute in ("name", "destination"):
        values = [getattr(platform, attribute) for platform in platforms]
        if twice := {value for value in values if values.count(value) > 1}:
            raise ConfigurationError(f"two platforms share the {attribute} {twice.pop()!r}; tell them apart with name=")
    return tuple(platforms)


def keys(keys: Sequence[str]) -> tuple[str, ...]:
    if isinstance(keys, str) or not keys or not all(isinstance(key, str) and key for key in keys):
        raise ConfigurationError(
            "no secret key is set: pass secret_keys=['…'], oldest first. "
            'Make one with: python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return tuple(keys)


def region(region: str | None) -> str | None:
    if region is not None and not (isinstance(region, str) and len(region) == 2 and region.isalpha()):
        raise ConfigurationError("phone_region must be the two letters of a country (ISO 3166-1), such as 'DE'")
    return region
