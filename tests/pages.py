"""What a browser takes from a page: its scripts and their content, its images, its attributes, what pixels are told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any


@dataclass
class Element:
    """An element: its attributes and, of a script, the text in it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A page as an HTML parser reads it, whatever was meant by who wrote it."""

    html: str
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: Element | None = None
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))
        self._open = self.elements[-1] if tag == "script" else None

    def handle_endtag(self, tag: str) -> None:
        self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open.text += data

    def named(self, tag: str) -> list[Element]:
        """All elements of this name, in order."""
        return [element for element in self.elements if element.tag == tag]

    @property
    def data(self) -> dict[str, Any]:
        """What `pixeltwin.run` is given, from the data block or the inline script; empty without either."""
        for script in self.named("script"):
            said = script.text if "data-pixeltwin" in script.attributes else ""
            said = said or script.text.partition("\npixeltwin.run(")[2].removesuffix(");\n")
            if said:
                found: dict[str, Any] = json.loads(said)
                return found
        return {}


@dataclass(frozen=True)
class Call:
    """One guarded call in a page, and the conversion it tells of."""

    platform: str
    event: str
    id: str
    function: str
    args: list[Any]
    number: int | None


def fired(html: str) -> list[Call]:
    """The calls that a page's conversions make, in order."""
    return [
        Call(call[0], one["event"], one["id"], call[1], call[2], call[3] if len(call) > 3 else None)
        for one in Page(html).data.get("fires", ())
        for call in one["calls"]
    ]
