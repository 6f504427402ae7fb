"""Two payloads side by side: each field under both of its names, and whether the halves say the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, cast

from ..dedup import Half
from ..emulation import Field, Path
from ..strictjson import decode
from .forms import id_form

State = Literal["equal", "different", "missing in browser", "missing in server", "browser's own", "server's own"]
EVENT = "event"  # compared as the platform's rule reads it: each half has a spelling of its own


def compare(
    fields: Iterable[Field], browser: Half | None, server: Half | None, payloads: tuple[Any, Any]
) -> Iterator[dict[str, Any]]:
    """The fields that either half carries, in the platform's order. `payloads` are what was kept of the two; a half
    that never came is None, and then nothing is missing."""
    shown: set[Path] = set()
    for field in fields:
        here, there = at(payloads[0], field.browser), at(payloads[1], field.server)
        if (_empty(here) and _empty(there)) or (not field.browser and field.server in shown):
            continue
        shown.add(field.server)
        yield {
            "name": field.name,
            "browser_name": field.call if field.browser else None,
            "server_name": field.api or None,
            "browser_path": list(field.browser),
            "server_path": list(field.server),
            "browser": here,
            "server": there,
            "state": _state(field, here, there, browser, server),
        }


def _state(field: Field, here: Any, there: Any, browser: Half | None, server: Half | None) -> State | None:
    if browser is None or server is None:
        return None
    if not field.browser:
        return "server's own"
    if not field.server:
        return "browser's own"
    if field.name == EVENT:
        return "equal" if browser.event == server.event else "different"
    if _empty(here):
        return "missing in browser"
    if _empty(there):
        return "missing in server"
    return "equal" if same(here, there, field.lines) else "different"


def at(payload: Any, path: Path) -> Any:
    """What a path leads to; None where it leads nowhere."""
    if not path:
        return None
    for key in path:
        if not isinstance(payload, Mapping):
            return None
        payload = cast("Mapping[str, Any]", payload).get(key)
    return payload


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def same(one: Any, other: Any, lines: Mapping[str, str]) -> bool:
    """Whether two spellings of a value mean the same: a number and its text, a list and its text with commas, a text
    and its SHA-256, an address with and without its query."""
    left, right = _parsed(one), _parsed(other)
    if isinstance(left, list) and isinstance(right, list):
        return _same_lists(cast("Sequence[Any]", left), cast("Sequence[Any]", right), lines)
    if isinstance(left, (list, dict)) or isinstance(right, (list, dict)):
        return _same_text(_joined(left), _joined(right))
    first, second = _number(left), _number(right)
    if first is not None and second is not None:
        return first == second
    return _same_text(str(left), str(right))


def _same_lists(one: Sequence[Any], other: Sequence[Any], lines: Mapping[str, str]) -> bool:
    if len(one) != len(other):
        return False
    for left, right in zip(one, other, strict=True):
        if not (isinstance(left, Mapping) and isinstance(right, Mapping)):
            if not same(left, right, lines):
                return False
            continue
        said = _renamed(cast("Mapping[str, Any]", left), lines)
        told = cast("Mapping[str, Any]", right)
        both = set(lines.values()) or {*said, *told}
        if any(not _same_part(said.get(key), told.get(key)) for key in both):
            return False
    return True


def _same_part(one: Any, other: Any) -> bool:
    return _empty(one) and _empty(other) if _empty(one) or _empty(other) else same(one, other, {})


def _renamed(line: Mapping[str, Any], lines: Mapping[str, str]) -> dict[str, Any]:
    return {lines.get(key, key): value for key, value in line.items()}


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return decode(value)
        except ValueError:
            return value
    return value


def _joined(value: Any) -> str:
    """A list as the text that a page may send of it."""
    return ",".join(str(one) for one in cast("Sequence[Any]", value)) if isinstance(value, list) else str(value)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None  # a product may be called "Nan"


def _same_text(one: str, other: str) -> bool:
    if one == other or id_form(one) == id_form(other):
        return True
    if "://" in one and "://" in other:
        return one.partition("?")[0].partition("#")[0] == other.partition("?")[0].partition("#")[0]
    # A browser id may have the time it was made in front: 1677712978045.b8f7eb7d-…
    return one.endswith(f".{other}") or other.endswith(f".{one}")
