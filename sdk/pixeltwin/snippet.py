"""The browser half as HTML: what each pixel is told, as data, and the code that tells it; safe whatever values hold.

A platform's template is its loader in JavaScript and gets `name` (which pixel) and `script_url`. It is the same on all
pages, so it stands in one first-party script for all, or in the page where there is none. What differs (starting calls,
conversions) is strict JSON, escaped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache, lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from .arguments import NOBODY
from .consent import Consent
from .contract import BrowserCall, Platform
from .conversion import Conversion
from .errors import CannotSend, InvalidInput
from .events import Event, PageView
from .strictjson import encode_for_html
from .visitor import AnyVisitor

log = logging.getLogger("pixeltwin")

PLACEHOLDER = "pixeltwin-id-of-this-view"  # stands for an id that the browser mints
_NONCE = "pixeltwin-nonce-of-this-response"  # stands for the nonce in what is kept between responses
_WHENEVER = datetime(2020, 1, 1, tzinfo=timezone.utc)  # no pixel is told the time


@dataclass(frozen=True, slots=True)
class Fire:
    """A track call that one browser makes once. `number` tells the calls of one conversion apart, where it takes more
    than one."""

    platform: str
    call: BrowserCall
    number: int | None = None

    def as_data(self) -> list[object]:
        said: list[object] = [self.platform, self.call.function, self.call.args]
        return said if self.number is None else [*said, self.number]


@dataclass(frozen=True, slots=True)
class View:
    """The page's own view, whose id the browser mints. `beacon`: where the server half is reported to (None: there is
    none). `told=False`: no pixel is."""

    beacon: str | None
    told: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """What one pixel is told on a page: how it starts, the conversions with their calls, and its images for browsers
    without scripts."""

    platform: Platform
    init: Sequence[BrowserCall]
    fires: Sequence[tuple[Conversion, Sequence[Fire]]]
    images: Sequence[str]


# --- what is told --------------------------------------------------------------------------------------------------


def told(
    platforms: Iterable[Platform],
    conversions: Callable[[Platform], Sequence[Conversion]],
    *,
    visitor: AnyVisitor,
    consent: Consent,
) -> list[Told]:
    """What each pixel is told of its conversions; only those that may be told of this visitor are here."""
    found: list[Told] = []
    for platform in platforms:
        if platform.browser and platform.allowed(consent) and platform.honours(consent, visitor):
            prepared = _prepared(platform, conversions(platform))
            images = platform.noscript_images([one for _, one, _ in prepared], visitor, consent)
            calls = [(conversion, fires) for conversion, _, fires in prepared]
            found.append(Told(platform, platform.init_calls(visitor, consent), calls, images))
    return found


def _prepared(platform: Platform, conversions: Iterable[Conversion]) -> list[tuple[Conversion, Conversion, list[Fire]]]:
    """The conversions, each as `before_send` left it and with its calls. What the pixel cannot say, `track` has
    recorded as a loss; the page goes on without."""
    found: list[tuple[Conversion, Conversion, list[Fire]]] = []
    for conversion in conversions:
        if not browser_half(platform, conversion):
            continue
        try:
            prepared = platform.prepared(conversion)
            if prepared is not None:
                found.append((conversion, prepared, _numbered(platform.name, platform.browser_calls(prepared))))
        except (CannotSend, InvalidInput):
            continue
        except Exception as error:  # before_send is the site's own code; its message may quote what it was given
            log.error("%s: %s has no browser half: %s", platform.name, conversion.id, type(error).__name__)
    return found


def _numbered(name: str, calls: Sequence[BrowserCall]) -> list[Fire]:
    if len(calls) == 1:
        return [Fire(name, calls[0])]
    return [Fire(name, call, number) for number, call in enumerate(calls)]


def fires(platform: Platform, conversions: Iterable[Conversion]) -> list[Fire]:
    """The calls of these conversions on one platform; what it cannot say is left to `losses`."""
    return [fire for _, _, fires in _prepared(platform, conversions) for fire in fires]


def browser_half(platform: Platform, conversion: Conversion) -> bool:
    """Whether this conversion has a browser half on this platform at all: only the web has one."""
    return (
        platform.browser
        and conversion.browser
        and conversion.action_source == "web"
        and platform.wants(conversion)
        and platform.allowed(conversion.consent)
    )


# --- as data for the scripts ---------------------------------------------------------------------------------------


def page_data(
    pixels: Sequence[Told], consent: Consent, *, view: View | None = None, drop: Sequence[str] = ()
) -> dict[str, Any]:
    """What a page tells its pixels, for `pixeltwin.run`: which parameters its URL loses first, the pixels with their
    starting calls, the conversions with their calls, and the page's own view."""
    data: dict[str, Any] = {
        "pixels": [[one.platform.name, [[call.function, call.args] for call in one.init]] for one in pixels]
    }
    if drop:
        data["drop"] = list(drop)
    told: dict[tuple[str, str], dict[str, Any]] = {}
    for one in pixels:
        for conversion, fires in one.fires:
            if fires:
                kind, id = conversion.event.type, conversion.id
                known = told.setdefault((kind, id), {"event": kind, "id": id, "calls": []})
                known["calls"] += [fire.as_data() for fire in fires]
    if told:
        data["fires"] = list(told.values())
    if view is not None:
        calls = _view_calls(tuple(one.platform for one in pixels) if view.told else (), consent)
        data["view"] = {"event": "PageView", "id": PLACEHOLDER, "calls": calls, "beacon": view.beacon}
    return data


def _view_calls(platforms: tuple[Platform, ...], consent: Consent) -> list[list[object]]:
    """The calls of a page view: the same on all pages, unless the site's own function is asked for each."""
    asked = any(platform.before_send for platform in platforms)
    return template_calls(platforms, PageView(), consent) if asked else _kept_view_calls(platforms, consent)


@lru_cache(maxsize=128)
def _kept_view_calls(platforms: tuple[Platform, ...], consent: Consent) -> list[list[object]]:
    return template_calls(platforms, PageView(), consent)


def template_calls(platforms: Iterable[Platform], event: Event, consent: Consent) -> list[list[object]]:
    """The calls of a conversion whose id the browser mints, with `PLACEHOLDER` where it belongs."""
    template = Conversion(event=event, id=PLACEHOLDER, occurred_at=_WHENEVER, consent=consent)
    return [fire.as_data() for platform in platforms for fire in fires(platform, [template])]


# --- as HTML -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Form:
    """How a page carries it. `script` is the URL of the first-party script; `inline` puts the code into the page, which
    it must be where there is no such script."""

    script: str | None = None
    inline: bool = True


SELF_CONTAINED = Form()


def render(
    platforms: Iterable[Platform],
    conversions: Callable[[Platform], Sequence[Conversion]] | None = None,
    *,
    visitor: AnyVisitor = NOBODY,
    consent: Consent,
    nonce: str | None = None,
    drop: Sequence[str] = (),
    view: View | None = None,
    form: Form = SELF_CONTAINED,
) -> Markup:
    """The snippet of a page: every pixel that may be told, each conversion once a browser, and the page's own view.
    Empty when there is nobody to tell. `drop`: query parameters that are taken out of the page's URL before."""
    wanted = tuple(platforms)
    plain = conversions is None and visitor is NOBODY and not drop
    if plain and not any(platform.before_send for platform in wanted):
        return _with_nonce(_of_somebody_unknown(wanted, consent, view, form, nonce is not None), nonce)
    pixels = told(wanted, conversions or _none, visitor=visitor, consent=consent)
    if not pixels and (view is None or view.told):
        return Markup()
    return _with_nonce(_html(pixels, page_data(pixels, consent, view=view, drop=drop), form, nonce is not None), nonce)


def _none(platform: Platform) -> Sequence[Conversion]:
    return ()


@lru_cache(maxsize=128)
def _of_somebody_unknown(
    platforms: tuple[Platform, ...], consent: Consent, view: View | None, form: Form, has_nonce: bool
) -> str:
    """The snippet most pages share, for a visitor of whom nothing is known and who did nothing: made once, kept."""
    pixels = told(platforms, _none, visitor=NOBODY, consent=consent)
    if not pixels and (view is None or view.told):
        return ""
    return _html(pixels, page_data(pixels, consent, view=view), form, has_nonce)


def _html(pixels: Sequence[Told], data: dict[str, Any], form: Form, has_nonce: bool) -> str:
    nonce = f' nonce="{_NONCE}"' if has_nonce else ""
    said = encode_for_html(data)
    if form.inline:
        code = loaders(tuple(one.platform for one in pixels))
        parts = [f"<script{nonce}>\n{code}pixeltwin.run({said});\n</script>"]
    else:
        parts = [f'<script type="application/json" data-pixeltwin>{said}</script>']
    if form.script is not None:
        parts.append(f'<script src="{escape(form.script)}" async{nonce}></script>')
    images = [f'<img src="{escape(url)}" width="1" height="1" alt="" hidden>' for one in pixels for url in one.images]
    if images:
        parts.append(f"<noscript>{''.join(images)}</noscript>")
    return "\n".join(parts)


def _with_nonce(html: str, nonce: str | None) -> Markup:
    """What was made, with the nonce of this response in it."""
    return Markup(html if nonce is None else html.replace(f'nonce="{_NONCE}"', f'nonce="{escape(nonce)}"'))


@lru_cache(maxsize=128)
def loaders(platforms: tuple[Platform, ...]) -> str:
    """The code that comes before any data: what runs it, and each pixel's loader."""
    code = [_template("pixeltwin.pixel_templates", "pixeltwin.js.jinja")]
    for platform in platforms:
        values = {"name": platform.name, "script_url": platform.script_url}
        code.append(_template(platform.template_package, platform.template, **values))
    return "".join(code)


def _template(package: str, template: str, **values: str) -> str:
    """A rendered template without its indentation, which a page need not carry."""
    lines = environment(package).get_template(template).render(values).splitlines()
    return "".join(f"{line}\n" for line in map(str.strip, lines) if line)


@cache
def environment(package: str) -> Environment:
    """A private environment: the host application's filters and globals cannot reach it."""
    env = Environment(
        loader=PackageLoader(package, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["js"] = encode_for_html
    return env
