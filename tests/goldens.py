"""The golden files of all installed platforms: what each says, written down beside its code, and who says it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest

from pixeltwin.app import App
from pixeltwin.consent import Consent
from pixeltwin.contract import Platform
from pixeltwin.conversion import Conversion
from pixeltwin.emulation import Answer, Incoming
from pixeltwin.events import from_record
from pixeltwin.platforms import installed
from pixeltwin.visitor import Visitor

TOKEN = "pina_T0ken-that.nobody_may/see.AAAA1111="
BASE = "http://sandbox.test"
KINDS = sorted(installed())


def golden(kind: str) -> Any:
    """A platform's golden file, its numbers exact."""
    text = files(installed()[kind].__module__).joinpath("golden.json").read_text("utf-8")
    return json.loads(text, parse_float=Decimal)


@cache
def _settings(kind: str) -> Mapping[str, Any]:
    """Read once: hundreds of tests make a platform of them."""
    return MappingProxyType(golden(kind)["settings"])


def made(kind: str, **more: Any) -> Platform:
    """The platform of the golden file; `more` overrides its settings."""
    return installed()[kind](**{**_settings(kind), "access_token": TOKEN, **more})


def platform_of(kind: str, case: Any) -> Platform:
    """The platform as a golden case wants it: the file's settings, and the case's own."""
    return made(kind, **case.get("settings", {}))


def emulated(kind: str, case: Any = None) -> Platform:
    return made(kind, **(case or {}).get("settings", {}), **installed()[kind].emulated(BASE))


def conversion_of(case: Any) -> Conversion:
    said = case["conversion"]
    return Conversion(
        event=from_record(said["event"]),
        id=said["id"],
        occurred_at=datetime.fromisoformat(said["occurred_at"].replace("Z", "+00:00")),
        visitor=Visitor(**case["visitor"]),
        source_url=said.get("source_url"),
        action_source=said.get("action_source", "web"),
        consent=Consent.from_record(said["consent"]),
        app=App.from_record(said["app"]) if "app" in said else None,
    )


def sent(platform: Platform, events: list[Any], now: datetime) -> Answer:
    """What the platform's own emulator answers to a request of the platform."""
    request = platform.server_request(events)
    url = urlsplit(request.url)
    headers = {name.lower(): value for name, value in request.headers.items()}
    path = url.path.removeprefix(f"/{platform.kind}")
    return platform.emulator().answer(Incoming(request.method, path, url.query, headers, request.body), now)


CASES = [(kind, case) for kind in KINDS for case in golden(kind)["cases"]]
SAID = [(kind, case) for kind, case in CASES if "cannot" not in case]
TWINS = [(kind, case) for kind, case in SAID if case["browser"]]
platforms = pytest.mark.parametrize("kind", KINDS)
cases = pytest.mark.parametrize(("kind", "case"), CASES, ids=[f"{kind}-{case['name']}" for kind, case in CASES])
said_cases = pytest.mark.parametrize(("kind", "case"), SAID, ids=[f"{kind}-{case['name']}" for kind, case in SAID])
twin_cases = pytest.mark.parametrize(("kind", "case"), TWINS, ids=[f"{kind}-{case['name']}" for kind, case in TWINS])
