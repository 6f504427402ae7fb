"""The first-party script: the loaders of a site's pixels and what runs them, the same for every visitor and page.

What tells the server which pixels fired, what follows Turbo and htmx, and what leads forms to an address from before it
was cleaned are parts of their own, for most pages need none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache, cached_property
from importlib.resources import files

from .. import snippet
from ..contract import Platform

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


class Script:
    """Made when it is first asked for. Its URL changes with its content, so that browsers may keep it for good."""

    def __init__(self, platforms: Sequence[Platform], path: str) -> None:
        self._platforms = tuple(platform for platform in platforms if platform.browser)
        self._path = path

    @cached_property
    def code(self) -> bytes:
        return self.below("")

    def below(self, root: str) -> bytes:
        """The code for an application that is below this path."""
        return (snippet.loaders(self._platforms, root) + _own("pixeltwin.js")).encode()

    @cached_property
    def acknowledging(self) -> bytes:
        return _own("acknowledge.js").encode()

    @cached_property
    def swapping(self) -> bytes:
        return _own("swaps.js").encode()

    @cached_property
    def leading(self) -> bytes:
        return _own("forms.js").encode()

    @cached_property
    def version(self) -> str:
        return hashlib.sha256(self.code + self.acknowledging + self.swapping + self.leading).hexdigest()[:12]

    @cached_property
    def url(self) -> str:
        return f"{self._path}?v={self.version}"


@cache
def _own(name: str) -> str:
    """A script of ours as it travels."""
    return snippet.tightened(
        snippet.squeezed(_COMMENT.sub("", (files("pixeltwin") / "static" / name).read_text("utf-8")))
    )
