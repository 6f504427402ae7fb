"""The browser half as HTML: each platform's calls, through its own template, safe whatever the values hold.

A template gets `nonce`, `script_url`, `name` (which pixel), `init` (the calls that start it), `fires` (guarded track
calls) and `images` (noscript URLs). Values reach JavaScript only through the `js` filter: strict JSON, escaped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from .consent import Consent
from .contract import BrowserCall, Platform
from .conversion import Conversion
from .errors import CannotSend, InvalidInput
from .strictjson import encode_for_html
from .visitor import AnyVisitor

log = logging.getLogger("pixeltwin")

PLACEHOLDER = "pixeltwin-id-of-this-view"  # stands for an id that the browser mints


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
    template = _template(platform.template_package, platform.template)
    html = template.render(
        nonce=nonce,
        name=platform.name,
        script_url=platform.script_url,
        init=platform.init_calls(visitor, consent),
        fires=_guarded(told),
        images=platform.noscript_images([one.conversion for one in told], visitor, consent),
    )
    return Markup(html)  # rendered by our own autoescaping environment


def render_start(*, nonce: str | None = None, keep_parameters: Sequence[str] | None = None) -> Markup:
    """What must run before any platform's snippet: the once-guard and, if `keep_parameters` is given, the cleaning of
    the page's own URL of every other query parameter ("utm_*" keeps all that begin so)."""
    html = _template("pixeltwin.pixel_templates", "pixeltwin.html.jinja").render(nonce=nonce, keep=keep_parameters)
    return Markup(html)


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


def beacon_calls(platforms: Iterable[Platform], conversion: Conversion) -> list[list[object]]:
    """The calls of a conversion whose id the browser mints, as data for the first-party script: guard, function,
    arguments, with `PLACEHOLDER` where the id belongs."""
    return [
        [fire.guard, fire.call.function, list(fire.call.args)]
        for platform in platforms
        for fire in fires(platform, [conversion])
    ]


def render_page_view(page: Mapping[str, object], *, script: str, nonce: str | None = None) -> Markup:
    """The page's own view as a data block, and the first-party script that acts on it."""
    attribute = Markup(' nonce="{}"').format(nonce) if nonce else Markup()
    return Markup(
        '<script type="application/json" id="pixeltwin-page">{}</script>\n<script src="{}" defer{}></script>'
    ).format(encode_for_html(page), script, attribute)
