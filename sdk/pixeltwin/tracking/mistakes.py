"""Mistakes in a call: told where they were made; and where a page must not fail, what is left without them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..consent import Consent
from ..contract import Platform
from ..errors import InvalidInput, nearest
from ..visitor import IDENTITY_FIELDS, NOBODY, AnyVisitor, SealedVisitor, Visitor
from .arguments import TrackOptions

_OPTIONS = frozenset(TrackOptions.__annotations__)
_LESS = ("consent", "platforms", "browser", "server")  # arguments by which a caller tells fewer


def check(consent: Any, options: Mapping[str, Any], platforms: Sequence[Platform]) -> None:
    """Raise `InvalidInput` for names that nothing has, of arguments and of platforms."""
    if not options.keys() <= _OPTIONS:
        raise InvalidInput("track", [(name, _no_argument(name)) for name in sorted(options.keys() - _OPTIONS)])
    if consent is None:
        pass
    elif not isinstance(consent, Consent):
        raise InvalidInput("track", [("consent", "give a Consent, such as Consent.denied()")])
    elif consent.platforms and (misspelled := _misspelled(consent.platforms, platforms)):
        raise _no_platform("consent", misspelled[0], platforms)
    told: Collection[Any] | Iterator[Any] = options.get("platforms") or ()
    # A text is a mistake of its own, and an iterator can be read once.
    if told and not isinstance(told, (str, Iterator)) and (strange := _strange(told, platforms)):
        raise _no_platform("platforms", strange[0], platforms)


def without(
    consent: Any, options: Mapping[str, Any], platforms: Sequence[Platform]
) -> tuple[Consent | None, TrackOptions]:
    """The same without what `check` found: what may have been meant to tell fewer tells nobody."""
    kept: Any = {name: value for name, value in options.items() if name in _OPTIONS}
    if consent is None:
        less = any(nearest(name, _LESS) for name in options.keys() - _OPTIONS)
        return Consent.denied() if less else None, kept
    return Consent.denied() if _may_mean_less(consent, options, platforms) else consent, kept


def harmless(
    visitor: AnyVisitor | None, consent: Consent | None, options: TrackOptions
) -> tuple[AnyVisitor, Consent, TrackOptions]:
    """What is left of values that cannot be: the conversion is not lost, and nobody is told who was not meant to be."""
    names = options.get("platforms")
    kept: TrackOptions = {
        "browser": bool(options.get("browser", True)),
        "server": bool(options.get("server", True)),
        "platforms": names if names is None or isinstance(names, (list, tuple)) else (),
    }
    url = options.get("source_url")
    if url and url.isascii():
        kept["source_url"] = url
    known = visitor if isinstance(visitor, (Visitor, SealedVisitor)) else NOBODY
    return known, consent or Consent.denied(), kept


def _may_mean_less(consent: Any, options: Mapping[str, Any], platforms: Sequence[Platform]) -> bool:
    """Whether a name that nothing has, or a consent that is none, may have been meant to tell fewer."""
    if not isinstance(consent, Consent) or any(nearest(name, _LESS) for name in options.keys() - _OPTIONS):
        return True
    return any(consent.platforms[name] != "granted" for name in _misspelled(consent.platforms, platforms))


def _strange(names: Collection[Any], platforms: Sequence[Platform]) -> list[Any]:
    """Those that no platform has: neither one that is told here, nor a kind that could be."""
    here = {name for platform in platforms for name in (platform.name, platform.kind)}
    strange = [name for name in names if name not in here]
    if not strange:
        return strange
    from ..platforms import installed  # a walk of the file system, for what is hardly ever asked

    return [name for name in strange if name not in installed()]


def _misspelled(names: Collection[Any], platforms: Sequence[Platform]) -> list[Any]:
    """Those of them that look like one that is told here: a banner's answer may name others, and a loader serves
    several sites."""
    here = [platform.name for platform in platforms]
    return [name for name in _strange(names, platforms) if nearest(str(name), here)]


def _no_platform(argument: str, name: Any, platforms: Sequence[Platform]) -> InvalidInput:
    here = [platform.name for platform in platforms]
    near = nearest(str(name), here)
    advice = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(here)}"
    return InvalidInput("track", [(argument, f"no platform is called {str(name)[:40]!r}; {advice}")])


def _no_argument(name: str) -> str:
    if name in IDENTITY_FIELDS:
        return f"no such argument; give it to the visitor: Visitor({name}=…)"
    near = nearest(name, [*_OPTIONS, "visitor", "consent", *IDENTITY_FIELDS])
    return "no such argument" + (f"; did you mean {' or '.join(near)}?" if near else "")
