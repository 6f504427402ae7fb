"""The browser half as HTML: each platform's calls, through its own template, safe whatever the values hold.

A template gets `nonce`, `script_url`, `name` (which pixel), `init` (the calls that start it), `fires` (guarded track
calls) and `images` (noscript URLs). Values reach JavaScript only through the `js` filter: strict JSON, escaped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache, lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from .consent import Consent
from .contract import BrowserCall, Platform
from .conversion import Conversion
from .errors import CannotSend, InvalidInput
from .events import PageView
from .strictjson import encode_for_html
from .visitor import AnyVisitor, Visitor

log = logging.getLogger("pixeltwin")

PLACEHOLDER = "pixeltwin-id-of-this-view"  # stands for an id that the browser mints
_NONCE = "pixeltwin-nonce-of-this-response"  # stands for the nonce in what is kept between responses
_WHENEVER = datetime(2020, 1, 1, tzinfo=timezone.utc)  # no pixel is told the time


@dataclass(frozen=True, slots=True)
class Fire:
    """A track call that one browser makes once: `guard` is what it remembers having done."""

    guard: str
    call: BrowserCall


def _js(value: object) -> Markup:
    return encode_for_html(value)


def _call(call: BrowserCall) -> Markup:
    arguments = encode_for_html(call.args)[1:-1]
    return Markup("{}({})").format(Markup(call.function), arguments)  # a vendor's function, never input


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
    env.filters["js"] = _js
    env.filters["call"] = _call
    return env


@cache
def _template(package: str, name: str) -> Template:
    return environment(package).get_template(name)


@dataclass(frozen=True, slots=True)
class _Told:
    """What one pixel is told of one conversion, which is as `before_send` left it."""

    guard: str
    conversion: Conversion
    calls: Sequence[BrowserCall]


def _told(platform: Platform, conversions: Iterable[Conversion]) -> list[_Told]:
    """What this pixel can be told. What it cannot say, `track` has recorded as a loss; the page goes on without."""
    found: list[_Told] = []
    for conversion in conversions:
        if not browser_half(platform, conversion):
            continue
        try:
            prepared = platform.prepared(conversion)
            if prepared is not None:
                guard = f"{platform.name}:{conversion.event.type}:{conversion.id}"
                found.append(_Told(guard, prepared, platform.browser_calls(prepared)))
        except (CannotSend, InvalidInput):
            continue
        except Exception as error:  # before_send is the site's own code; its message may quote what it was given
            log.error("%s: %s has no browser half: %s", platform.name, conversion.id, type(error).__name__)
    return found


def _guarded(told: Iterable[_Told]) -> list[Fire]:
    return [
        Fire(f"{one.guard}:{index}" if len(one.calls) > 1 else one.guard, call)
        for one in told
        for index, call in enumerate(one.calls)
    ]


def fires(platform: Platform, conversions: Iterable[Conversion]) -> list[Fire]:
    """The guarded calls of these conversions on one platform; what it cannot say is left to `losses`."""
    return _guarded(_told(platform, conversions))


def browser_half(platform: Platform, conversion: Conversion) -> bool:
    """Whether this conversion has a browser half on this platform at all: only the web has one."""
    return (
        platform.browser
        and conversion.browser
        and conversion.action_source == "web"
        and platform.wants(conversion)
        and platform.allowed(conversion.consent)
    )


def render_platform(
    platform: Platform,
    conversions: Sequence[Conversion],
    *,
    visitor: AnyVisitor,
    consent: Consent,
    nonce: str | None = None,
) -> Markup:
    """One platform's snippet: loader, start, and these conversions. Nothing without the visitor's consent."""
    if not platform.browser or not platform.allowed(consent) or not platform.honours(consent, visitor):
        return Markup()
    told = _told(platform, conversions)
    init = platform.init_calls(visitor, consent)
    images = platform.noscript_images([one.conversion for one in told], visitor, consent)
    if not told:
        kept = _to_somebody_unknown(platform, consent, nonce is not None)
        if kept.init == init and kept.images == images:
            return _with_nonce(kept.html, nonce)
    return Markup(_rendered(platform, init, _guarded(told), images, nonce))  # by our own autoescaping environment


def _rendered(
    platform: Platform, init: list[BrowserCall], fires: list[Fire], images: list[str], nonce: str | None
) -> str:
    return _template(platform.template_package, platform.template).render(
        nonce=nonce, name=platform.name, script_url=platform.script_url, init=init, fires=fires, images=images
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """A snippet that most pages share, and what it was made from."""

    init: list[BrowserCall]
    images: list[str]
    html: str


@lru_cache(maxsize=128)
def _to_somebody_unknown(platform: Platform, consent: Consent, has_nonce: bool) -> _Kept:
    """A platform's snippet without conversions for a visitor of whom nothing is known: rendered once, kept."""
    nobody = Visitor()
    init = platform.init_calls(nobody, consent)
    images = platform.noscript_images([], nobody, consent)
    return _Kept(init, images, _rendered(platform, init, [], images, _NONCE if has_nonce else None))


def _with_nonce(html: str, nonce: str | None) -> Markup:
    """What was kept, with the nonce of this response in it."""
    return Markup(html if nonce is None else html.replace(_NONCE, escape(nonce)))


def render_start(*, nonce: str | None = None, keep_parameters: Sequence[str] | None = None) -> Markup:
    """What must run before any platform's snippet: the once-guard and, if `keep_parameters` is given, the cleaning of
    the page's own URL of every other query parameter ("utm_*" keeps all that begin so)."""
    keep = None if keep_parameters is None else tuple(keep_parameters)
    return _with_nonce(_start(keep, nonce is not None), nonce)


@lru_cache(maxsize=32)
def _start(keep: tuple[str, ...] | None, has_nonce: bool) -> str:
    template = _template("pixeltwin.pixel_templates", "pixeltwin.html.jinja")
    return template.render(nonce=_NONCE if has_nonce else None, keep=keep)


def render(
    platforms: Iterable[Platform],
    conversions: Callable[[Platform], Sequence[Conversion]],
    *,
    visitor: AnyVisitor,
    consent: Consent,
    nonce: str | None = None,
    keep_parameters: Sequence[str] | None = None,
) -> Markup:
    """Every platform's snippet with its conversions, behind the once-guard; empty when no platform is allowed."""
    parts = [
        render_platform(platform, conversions(platform), visitor=visitor, consent=consent, nonce=nonce)
        for platform in platforms
    ]
    parts = [part for part in parts if part]
    if not parts:
        return Markup()
    return Markup("\n").join([render_start(nonce=nonce, keep_parameters=keep_parameters), *parts])


def render_page_view(
    platforms: Sequence[Platform], *, consent: Consent, script: str, beacon: str | None, nonce: str | None = None
) -> Markup:
    """The page's own view, told by these platforms' pixels under an id the browser mints and, with `beacon`, to the
    server: a data block, the same for everybody with this consent, and the first-party script that acts on it."""
    make = _page_view.__wrapped__ if any(platform.before_send for platform in platforms) else _page_view
    return _with_nonce(make(tuple(platforms), consent, script, beacon, nonce is not None), nonce)


@lru_cache(maxsize=128)
def _page_view(
    platforms: tuple[Platform, ...], consent: Consent, script: str, beacon: str | None, has_nonce: bool
) -> str:
    view = Conversion(event=PageView(), id=PLACEHOLDER, occurred_at=_WHENEVER, consent=consent)
    calls = beacon_calls(platforms, view)
    page = {"event": view.event.type, "placeholder": PLACEHOLDER, "beacon": beacon, "calls": calls}
    attribute = Markup(' nonce="{}"').format(_NONCE) if has_nonce else Markup()
    block = Markup(
        '<script type="application/json" id="pixeltwin-page">{}</script>\n<script src="{}" defer{}></script>'
    )
    return str(block.format(encode_for_html(page), script, attribute))


def beacon_calls(platforms: Iterable[Platform], conversion: Conversion) -> list[list[object]]:
    """The calls of a conversion whose id the browser mints, as data for the first-party script: guard, function,
    arguments, with `PLACEHOLDER` where the id belongs."""
    return [
        [fire.guard, fire.call.function, list(fire.call.args)]
        for platform in platforms
        for fire in fires(platform, [conversion])
    ]
