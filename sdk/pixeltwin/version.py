"""Which version this is, and what requests call themselves."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of


@cache
def version() -> str:
    """The installed version; "0" where the sources run without having been installed."""
    try:
        return version_of("pixeltwin")
    except PackageNotFoundError:
        return "0"


@cache
def user_agent() -> str:
    """A descriptive User-Agent: Reddit throttles the defaults of HTTP libraries."""
    return f"pixeltwin/{version()} (conversion tracking SDK; Python)"
