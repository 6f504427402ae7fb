"""An event's value by each platform's own definition: all that the customer pays, or what of it is neither tax nor
shipping."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any, Literal, get_args

from ..errors import ConfigurationError

ValueBasis = Literal["total", "net"]

_EXACT = Context(prec=60)  # the halves are reckoned in other threads, whose own contexts may round


def checked_basis(title: str, basis: str) -> None:
    """Raise `ConfigurationError` for what is no value basis."""
    if basis not in get_args(ValueBasis):
        raise ConfigurationError(f"{title}(value_basis=): give one of {', '.join(get_args(ValueBasis))}")


def amount(fields: Mapping[str, Any], basis: str) -> Decimal | None:
    """The value of an event's fields; tax and shipping, where they are known, are parts of it."""
    value: Decimal | None = fields.get("value")
    if value is None or basis == "total":
        return value
    for part in (fields.get("tax"), fields.get("shipping")):
        if part:
            value = _EXACT.subtract(value, part)
    return value
