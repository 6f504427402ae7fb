"""A page's conversions for whoever else fires the pixels, as a tag manager does: one id, and what each pixel is told.

A twin is {"event": "Purchase", "id": "…", "calls": {"<platform>": [{"function": "…", "args": […]}]}}: each platform's
own function, names and arguments, so that nothing is left to translate. No personal data is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from markupsafe import Markup

from ..snippet import environment, squeezed
from ..strictjson import decode, encode, encode_for_html

Twin = dict[str, Any]


def twins(fires: Iterable[Mapping[str, Any]]) -> list[Twin]:
    """The conversions that a page would fire itself, as plain JSON values: any library may write them."""
    found: list[Twin] = decode(encode([_twin(one) for one in fires]))
    return found


def _twin(told: Mapping[str, Any]) -> Twin:
    calls: dict[str, list[Twin]] = {}
    for platform, function, args, *_ in told["calls"]:
        calls.setdefault(platform, []).append({"function": function, "args": args})
    return {"event": told["event"], "id": told["id"], "calls": calls}


def data_layer(found: Sequence[Twin], nonce: str | None = None) -> Markup:
    """The script that pushes them to `dataLayer`, each as the event `pixeltwin`; empty without any."""
    if not found:
        return Markup()
    attribute = Markup() if nonce is None else Markup(' nonce="{}"').format(nonce)
    said = Markup(",").join(encode_for_html(twin) for twin in found)
    return Markup("<script{}>\n{}({});\n</script>").format(attribute, _pushes(), said)


@cache
def _pushes() -> Markup:
    """The code, the same on all pages."""
    template = environment("pixeltwin.pixel_templates").get_template("data_layer.js.jinja")
    return Markup(squeezed(template.render()).rstrip())  # our own file, without any value in it
