"""The platforms as tests need them: made-up pixels, the vendors' hosts, what their emulators say."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from ..contract import Platform, ServerRequest
from ..emulation import Emulator, Incoming
from ..errors import ConfigurationError
from ..platforms import installed

TOKEN = "made-up-token"


@cache
def emulators() -> Mapping[str, Emulator]:
    """One a platform, to be asked for what no request changes."""
    return {kind: platform.emulator() for kind, platform in installed().items()}


@cache
def examples() -> Mapping[str, Mapping[str, Any]]:
    """Arguments of pixels that do not exist, by platform: those of its golden file, and a token. A platform of somebody
    else may have none."""
    found: dict[str, Mapping[str, Any]] = {}
    for kind, platform in sorted(installed().items()):
        golden = files(platform.__module__).joinpath("golden.json")
        if golden.is_file():
            tokens = {setting.name: TOKEN for setting in platform.settings if setting.secret}
            found[kind] = {**tokens, **json.loads(golden.read_text("utf-8"))["settings"]}
    return found


def pixels(wanted: Iterable[str] = ()) -> list[Platform]:
    """A made-up pixel of each of these platforms, by kind; of all that have an example, unless given."""
    kinds = [checked(kind) for kind in wanted] or list(examples())
    if lacking := [kind for kind in kinds if kind not in examples()]:
        raise ConfigurationError(f"{', '.join(lacking)}: no golden.json with example settings; make a pixel yourself")
    found: Mapping[str, Any] = installed()
    return [found[kind](**examples()[kind]) for kind in kinds]


def checked(kind: str) -> str:
    """A platform's kind; `ConfigurationError` with the near ones when there is none."""
    if kind in installed():
        return kind
    near = difflib.get_close_matches(kind.lower(), installed(), n=1, cutoff=0.5)
    advice = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(installed()))}"
    raise ConfigurationError(f"no platform is called {kind!r}; {advice}")


def to_emulator(platform: Platform, request: ServerRequest) -> Incoming:
    """A request to a platform's API as its emulator gets it."""
    path, _, query = request.url.removeprefix(platform.api_url).partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Incoming(request.method, emulators()[platform.kind].api_path + path, query, headers, request.body)


@cache
def hosts() -> Mapping[str, str]:
    """The vendors' hosts that a browser asks, and whose they are."""
    found: dict[str, str] = {}
    for pixel in pixels():
        sources = [pixel.script_url, *(source for each in pixel.csp_sources().values() for source in each)]
        found |= {host: pixel.kind for source in sources if (host := urlsplit(source).netloc)}
    return found
