"""Mistakes in a call: told where they were made; and where a page must not fail, what is left without them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..consent import Consent
from ..contract import Platform
from ..errors import InvalidInput, nearest
from ..visitor import IDENTITY_FIELDS, NOBODY, AnyVisitor, SealedVisitor, Visitor
from .arguments import TrackOptions, page_url

_OPTIONS = frozenset(TrackOptions.__annotations__)
_LESS = ("consent", "platforms", "browser", "server")  # arguments by which a caller tells fewer


def check(consent: Any, options: Mapping[str, Any], platforms: Sequence[Platform]) -> None:
    """Raise `InvalidInput` for names that nothing has: of arguments, and of platforms."""
    if not options.keys() <= _OPTIONS:
        raise InvalidInput("track", [(name, _no_argument(name)) for name in sorted(options.keys() - _OPTIONS)])
    if consent is None:
        pass
    elif not isinstance(consent, Consent):
        raise InvalidInput("track", [("consent", "give a Consent, such as Consent.denied()")])
    elif consent.platforms:
        _known("consent", consent.platforms, platforms)
    told: Collection[Any] | Iterator[Any] = options.get("platforms") or ()
    if told and not isinstance(told, (str, Iterator)):  # the one is a mistake of its own, the other can be read once
        _known("platforms", told, platforms)


def harmless(
    visitor: AnyVisitor | None,
    consent: Any,
    options: Mapping[str, Any],
    platforms: Sequence[Platform],
    keep: Sequence[str],
) -> tuple[AnyVisitor, Consent, TrackOptions]:
    """What is left of wrong arguments: the conversion is not lost, and nobody is told who was not meant to be."""
    names = options.get("platforms")
    kept: TrackOptions = {
        "browser": bool(options.get("browser", True)),
        "server": bool(options.get("server", True)),
        "platforms": names if names is None or isinstance(names, (list, tuple)) else (),
    }
    with suppress(InvalidInput):
        url = page_url(options.get("source_url"), keep)
        if url and url.isascii():
            kept["source_url"] = url
    known = visitor if isinstance(visitor, (Visitor, SealedVisitor)) else NOBODY
    return known, Consent.denied() if _may_mean_less(consent, options, platforms) else consent, kept


def _may_mean_less(consent: Any, options: Mapping[str, Any], platforms: Sequence[Platform]) -> bool:
    """Whether a name that nothing has, or a consent that is none, may have been meant to tell fewer."""
    if not isinstance(consent, Consent) or any(nearest(name, _LESS) for name in options.keys() - _OPTIONS):
        return True
    return any(consent.platforms[name] != "granted" for name in _unknown(consent.platforms, platforms))


def _known(argument: str, names: Collection[Any], platforms: Sequence[Platform]) -> None:
    for name in _unknown(names, platforms):
        here = [platform.name for platform in platforms]
        near = nearest(str(name), here)
        advice = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(here)}"
        raise InvalidInput("track", [(argument, f"no platform is called {str(name)[:40]!r}; {advice}")])


def _unknown(names: Collection[Any], platforms: Sequence[Platform]) -> list[Any]:
    """Those that no platform has: neither one that is told here, nor a kind that could be."""
    here = {name for platform in platforms for name in (platform.name, platform.kind)}
    strange = [name for name in names if name not in here]
    if not strange:
        return strange
    from ..platforms import installed  # a walk of the file system, for what is hardly ever asked

    return [name for name in strange if name not in installed()]


def _no_argument(name: str) -> str:
    if name in IDENTITY_FIELDS:
        return f"no such argument; give it to the visitor: Visitor({name}=…)"
    near = nearest(name, [*_OPTIONS, "visitor", "consent", *IDENTITY_FIELDS])
    return "no such argument" + (f"; did you mean {' or '.join(near)}?" if near else "")
