"""What of a page matters here: its scripts, its policies, and our own data in it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, cast
from urllib.parse import urlsplit

from ..replies import json_body
from ..web import OWN, joined

FIRST_PARTY = f"{OWN}/pixeltwin.js"
_RUN = "pixeltwin.run("


@dataclass(frozen=True, slots=True)
class ScriptTag:
    """A script of the page. `src` is absolute, empty for inline code; `ours`: pixeltwin put it there; `data` is what
    it tells our own script."""

    src: str
    code: str
    nonce: str
    ours: bool
    data: Mapping[str, Any] | None

    @property
    def runs(self) -> bool:
        """Whether it is code, and no data block."""
        return self.data is None or _RUN in self.code


@dataclass(frozen=True, slots=True)
class Document:
    """`policies` are those of its meta elements."""

    scripts: tuple[ScriptTag, ...]
    policies: tuple[str, ...]

    @property
    def ours(self) -> tuple[ScriptTag, ...]:
        return tuple(one for one in self.scripts if one.ours)

    @property
    def foreign(self) -> tuple[ScriptTag, ...]:
        return tuple(one for one in self.scripts if not one.ours)

    @property
    def told(self) -> tuple[Mapping[str, Any], ...]:
        """What our snippets say: one a snippet, of which a page has one."""
        return tuple(one.data for one in self.scripts if one.data is not None)

    @property
    def pixels(self) -> frozenset[str]:
        """The names of the platforms whose pixels our snippets start."""
        return frozenset(str(pixel[0]) for data in self.told for pixel in _lists(data.get("pixels")) if pixel)

    @property
    def first_party_script(self) -> str:
        """The URL of our script; empty where the page does not load it."""
        return next((one.src for one in self.ours if one.src), "")

    @property
    def conversions(self) -> frozenset[str]:
        """The IDs of the conversions that are in the page itself."""
        fires = [one for data in self.told for one in _dicts(data.get("fires"))]
        return frozenset(str(fire["id"]) for fire in fires if fire.get("id"))


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._open: dict[str, str] | None = None
        self._code: list[str] = []
        self.scripts: list[ScriptTag] = []
        self.policies: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "script":
            self._open, self._code = given, []
        elif tag == "base" and given.get("href"):
            self._url = joined(self._url, given["href"]) or self._url
        elif tag == "meta" and given.get("http-equiv", "").lower() == "content-security-policy":
            self.policies.append(given.get("content", ""))

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._code.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._open is not None:
            if "data-pixeltwin" in self._open or "json" not in self._open.get("type", ""):  # others' data runs nothing
                self.scripts.append(_script(self._open, "".join(self._code), self._url))
            self._open = None

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """To browsers `<![` begins a comment; Python's parser raises where none of its own words follows."""
        return self.parse_bogus_comment(i, report)


def read(html: str, url: str) -> Document:
    """The page at this URL. A tag that does not end is none, as in browsers; so the parser is not closed, which would
    read the rest again from each `<` in it."""
    reader = _Reader(url)
    reader.feed(html)
    return Document(tuple(reader.scripts), tuple(reader.policies))


def _script(given: Mapping[str, str], code: str, base: str) -> ScriptTag:
    src = joined(base, given["src"]) if given.get("src") else ""
    data: Any = None
    if "data-pixeltwin" in given:
        data = json_body(code.encode())
    elif _RUN in code:
        data = _argument(code)
    ours = data is not None or urlsplit(src).path.endswith(FIRST_PARTY)
    said = cast("dict[str, Any]", data) if isinstance(data, dict) else None
    return ScriptTag(src, code, given.get("nonce", ""), ours, said)


def _argument(code: str) -> Any:
    """What `pixeltwin.run` is called with."""
    return json_body(code.rpartition(_RUN)[2].rstrip().removesuffix(";").removesuffix(")").encode())


def _lists(value: Any) -> Iterator[Sequence[Any]]:
    for one in cast("Sequence[Any]", value) if isinstance(value, list) else ():
        if isinstance(one, list):
            yield cast("Sequence[Any]", one)


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    for one in cast("Sequence[Any]", value) if isinstance(value, list) else ():
        if isinstance(one, dict):
            yield cast("dict[str, Any]", one)
