"""A case: what both sides put on the wire, when, and what the platform makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Literal, cast
from urllib.parse import urlencode

from ...emulation import Incoming
from ...errors import ConfigurationError
from ...platforms import installed
from ...strictjson import encode

FILE = "conformance.json"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule is published: the vendor's page or code, and the date it has or was read."""

    title: str
    date: str
    url: str = ""

    def __str__(self) -> str:
        return f"{self.title} ({self.date})" + (f", {self.url}" if self.url else "")


@dataclass(frozen=True, slots=True)
class Sending:
    """One half on its way: sent `after` seconds, of what `happened` at so many seconds (now, unless it was earlier)."""

    side: Literal["browser", "server"]
    after: float
    happened: float
    form: Mapping[str, Any]

    def request(self, start: datetime) -> Incoming:
        """The request behind the platform's prefix, with its times filled in; second 0 is `start`."""
        happened = (start + timedelta(seconds=self.happened)).timestamp()
        times = {"{milliseconds}": round(happened * 1000), "{seconds}": round(happened)}
        form = _filled(self.form, times)
        query = {name: value if isinstance(value, str) else _text(value) for name, value in form["query"].items()}
        headers = {name.lower(): value for name, value in form["headers"].items()}
        body = encode(form["body"]) if form["body"] is not None else b""
        return Incoming(form["method"], form["path"], urlencode(query), headers, body)


@dataclass(frozen=True, slots=True)
class Case:
    """`counted` and `certain` are what the platform's published rule says of the halves together (in a grey zone two,
    and not certain); `fields` those that decide it, empty where the case does not say."""

    platform: str
    name: str
    source: Source
    halves: tuple[Sending, ...]
    counted: int
    certain: bool
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.platform}: {self.name}"


def cases(platforms: Iterable[str] | None = None) -> list[Case]:
    """The cases of these platforms, by kind; of all that are installed and have some, unless given."""
    wanted = sorted(installed()) if platforms is None else list(platforms)
    return [case for kind in wanted for case in _of(kind, required=platforms is not None)]


def _of(kind: str, *, required: bool) -> list[Case]:
    platform = installed().get(kind)
    path = files(platform.__module__).joinpath(FILE) if platform else None
    if path is None or not path.is_file():
        if required:
            raise ConfigurationError(f"there is no platform {kind!r} with a {FILE}")
        return []
    told = json.loads(path.read_text("utf-8"))
    sources = {name: Source(**source) for name, source in told["sources"].items()}
    return [
        Case(
            platform=kind,
            name=case["name"],
            source=sources[case["source"]],
            halves=tuple(_sending(half, told[half["side"]]) for half in case["halves"]),
            counted=case["counted"],
            certain=case["certain"],
            fields=tuple(case.get("fields", ())),
        )
        for case in told["cases"]
    ]


def _sending(half: Mapping[str, Any], form: Mapping[str, Any]) -> Sending:
    """The platform's usual request for a half, changed as the case says: a path of keys, and a value or null."""
    changed: dict[str, Any] = {"query": {}, "headers": {}, "body": None, **deepcopy(dict(form))}
    for path, value in half.get("with", {}).items():
        *steps, last = path.split("/")
        holder: Any = changed
        for step in steps:
            holder = _inside(holder, step)
        if value is None:
            del holder[last]
        else:
            holder[last] = value
    after = half.get("after", 0)
    return Sending(half["side"], after, half.get("happened", after), changed)


def _inside(holder: Any, step: str) -> Any:
    return cast("Sequence[Any]", holder)[int(step)] if isinstance(holder, list) else holder[step]


def _filled(value: Any, times: Mapping[str, int]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, times) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_filled(one, times) for one in cast("Sequence[Any]", value)]
    return times.get(value, value) if isinstance(value, str) else value


def _text(value: Any) -> str:
    return encode(value).decode()
