"""The browser half as HTML: what each pixel is told, as data, and the code that tells it; safe whatever values hold.

A platform's template is its loader in JavaScript and gets `name` (which pixel) and `script_url`. It is the same on all
pages, so it stands in one first-party script for all, or in the page where there is none. What differs (starting calls,
conversions) is strict JSON, escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from .consent import Consent
from .contract import Platform
from .conversion import Conversion
from .pages.telling import Heard, Told, View, nothing, page_data, told
from .strictjson import encode_for_html
from .values import OnFault
from .visitor import NOBODY, AnyVisitor
from .web import OWN

_BLANKS = re.compile(r"""(?P<text>'[^'\n]*'|"[^"\n]*"|`[^`\n]*`)| ?(?P<sign>=>|[!=]?==?|\|\||&&|[?:+<>{},;()]) ?""")
_LINE_END = re.compile(r"([{,;(\[?:|&+]|=>)\n")  # no statement ends here
_BLOCK_END = re.compile(r"[;\n]+}")  # the last one of a block ends with it
_RUNNING = ' async=""'  # attributes all have a value and what is empty ends itself: an XHTML page takes no less
_ASKING = f' data-claim=""{_RUNNING}'
_OURS = "pixeltwin.pixel_templates"
_NONCE = "pixeltwin-nonce-of-this-response"  # stands for the nonce in what is kept between responses


class Form(NamedTuple):
    """How a page carries it. `script` is the URL of the first-party script; `inline` puts the code into the page, which
    it must be where there is no such script. `asks`: that script asks for what the page does not hold. `root` is the
    path that the application is below."""

    script: str | None = None
    inline: bool = True
    asks: bool = False
    root: str = ""


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
    heard: Heard | None = None,
    form: Form = SELF_CONTAINED,
    fault: OnFault | None = None,
) -> Markup:
    """The snippet of a page: every pixel that may be told, each conversion once a browser, and the page's own view.
    Empty when there is nobody to tell. `drop`: query parameters that are taken out of the page's URL before. `heard`:
    see `telling.page_data`; `fault`: see `telling.told`."""
    wanted = tuple(platforms)
    plain = conversions is None and visitor is NOBODY and not drop
    if plain and not any(platform.before_send for platform in wanted):
        try:
            return _with_nonce(_of_somebody_unknown(wanted, consent, view, form, nonce is not None), nonce)
        except Exception:  # which is not kept: below the pixel that fails is found, and the others go on
            if fault is None:
                raise
    pixels = told(wanted, conversions or nothing, visitor=visitor, consent=consent, fault=fault)
    if not pixels and (view is None or view.told):
        return Markup()
    data = page_data(pixels, consent, view=view, drop=drop, heard=heard)
    return _with_nonce(_html(pixels, data, form, nonce is not None), nonce)


def render_shared(script: str, *, nonce: str | None = None) -> Markup:
    """The snippet of a page that is the same for everybody: the first-party script, which asks for the rest."""
    return render_script(script, nonce=nonce, how=_ASKING)


def render_script(script: str, *, nonce: str | None = None, how: str = _RUNNING) -> Markup:
    """The first-party script alone: it tells nobody anything before it is asked to."""
    attribute = Markup() if nonce is None else Markup(' nonce="{}"').format(nonce)
    return Markup('<script src="{}"{}{}></script>').format(script, Markup(how), attribute)


@lru_cache(maxsize=128)
def _of_somebody_unknown(
    platforms: tuple[Platform, ...], consent: Consent, view: View | None, form: Form, has_nonce: bool
) -> str:
    """The snippet most pages share, for a visitor of whom nothing is known and who did nothing: made once, kept."""
    pixels = told(platforms, nothing, visitor=NOBODY, consent=consent)
    if not pixels and (view is None or view.told):
        return ""
    return _html(pixels, page_data(pixels, consent, view=view), form, has_nonce)


def _html(pixels: Sequence[Told], data: dict[str, Any], form: Form, has_nonce: bool) -> str:
    nonce = f' nonce="{_NONCE}"' if has_nonce else ""
    said = encode_for_html(data)
    if form.inline:
        code = loaders(tuple(one.platform for one in pixels), form.root)
        parts = [f"<script{nonce}>\n{code}\npixeltwin.run({said});\n</script>"]
    else:
        parts = [f'<script type="application/json" data-pixeltwin="">{said}</script>']
    if form.script is not None:
        how = _ASKING if form.asks else _RUNNING
        parts.append(f'<script src="{escape(form.script)}"{how}{nonce}></script>')
    # Libraries that put a fetched page into another (htmx, Turbo) make live images of these. Lazy ones that are not
    # shown wait, and the first-party script takes them away; a browser without scripts loads them at once (HTML
    # Standard, "will lazy load element").
    images = [
        f'<img src="{escape(url)}" alt="" hidden="" loading="lazy" data-pixeltwin=""/>'
        for one in pixels
        for url in one.images
    ]
    if images:
        parts.append(f"<noscript>{''.join(images)}</noscript>")
    return "\n".join(parts)


def _with_nonce(html: str, nonce: str | None) -> Markup:
    """What was made, with the nonce of this response in it."""
    return Markup(html if nonce is None else html.replace(f'nonce="{_NONCE}"', f'nonce="{escape(nonce)}"'))


@lru_cache(maxsize=128)
def loaders(platforms: tuple[Platform, ...], root: str = "") -> str:
    """The code that comes before any data: what runs it, and each pixel's loader. `root` is the path that the
    application is below, for the scripts that it serves itself."""
    code = [_template(_OURS, "pixeltwin.js.jinja")]
    for platform in platforms:
        own = platform.script_url.startswith(f"{OWN}/")
        values = {"name": platform.name, "script_url": f"{root if own else ''}{platform.script_url}"}
        code.append(_template(platform.template_package, platform.template, **values))
    return "".join(code)


def _template(package: str, template: str, **values: str) -> str:
    code = squeezed(environment(package).get_template(template).render(values))
    return tightened(code) if package == _OURS else code


def squeezed(code: str) -> str:
    """Code without indentation and empty lines, which a page need not carry."""
    return "".join(f"{line}\n" for line in map(str.strip, code.splitlines()) if line)


def tightened(code: str) -> str:
    """Our own code, squeezed, without the blanks and line ends that JavaScript does not need beside its punctuation.
    Strings stay as they are. It must hold no comment any more, and no quote in a regular expression."""
    code = _BLANKS.sub(lambda found: found["text"] or found["sign"], code)
    return _BLOCK_END.sub("}", _LINE_END.sub(r"\1", code))


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
