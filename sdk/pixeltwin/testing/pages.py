"""What a page tells its pixels, read from its HTML as a browser would find it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any, cast

from ..strictjson import decode

_BLOCK = "data-pixeltwin"
_RUN = "pixeltwin.run("


def text_of(page: Any) -> str:
    """The HTML of a page: a text, a response of Flask's or Django's test client, of requests or httpx, a Playwright
    page. `TypeError` for anything else."""
    if isinstance(page, str):
        return str(page)
    if isinstance(page, bytes):
        return page.decode("utf-8", "replace")
    for read in ("get_data", "text", "content"):
        found = getattr(page, read, None)
        value: Any = found(as_text=True) if read == "get_data" and callable(found) else found
        value = value() if callable(value) else value
        if isinstance(value, (str, bytes)):
            return text_of(value)
    raise TypeError(f"give a page as its HTML, or as a response that has it; {type(page).__name__} is neither")


def told(html: str) -> dict[str, Any]:
    """What the page tells its pixels, as `pixeltwin.run` is given it: `pixels`, and `fires`. Empty lists where it tells
    them nothing."""
    found: dict[str, Any] = {"pixels": [], "fires": []}
    for script in _Scripts(html).found:
        data = _data(*script)
        for name in found:
            found[name] += data.get(name, ())
    return found


def _data(attributes: Mapping[str, str | None], code: str) -> Mapping[str, Any]:
    try:
        if _BLOCK in attributes:
            return cast("Mapping[str, Any]", decode(code))
        if _RUN in code:
            said, _ = json.JSONDecoder().raw_decode(code.rpartition(_RUN)[2])
            return cast("Mapping[str, Any]", said)
    except ValueError:  # a page that was cut off, or one that only speaks of it
        pass
    return {}


class _Scripts(HTMLParser):
    """The scripts of a page: their attributes and their text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[Mapping[str, str | None], str]] = []
        self._inside = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script"
        if self._inside:
            self.found.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            attributes, text = self.found[-1]
            self.found[-1] = attributes, text + data
