"""The types of what events hold: exact money, ids, text; and models that stay as they were made."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
)

from .errors import InvalidInput
from .frozen import FrozenDict
from .normalising.currencies import CURRENCIES

LONGEST_TEXT = 1000  # characters of a name, a category or a search; longer ones are cut


def _exact(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        raise ValueError("give a Decimal, an int or a string such as '59.90'; a float cannot hold money exactly")
    return value


def _text(value: Any) -> Any:
    """Ids are text, and shops keep them as numbers: an int is taken, blanks around it are not part of it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = value.strip() if isinstance(value, str) else value
    if text == "":
        raise ValueError("give an id, or leave the field out")
    return text


def _cut(value: Any) -> Any:
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def _currency(value: Any) -> Any:
    code = value.strip().upper() if isinstance(value, str) else ""
    if code not in CURRENCIES:
        raise ValueError("give an ISO 4217 code such as 'EUR'")
    return code


def _names(value: Any) -> Mapping[str, str]:
    given: Mapping[Any, Any] = value
    if not isinstance(given, Mapping) or not all(isinstance(text, str) for pair in given.items() for text in pair):
        raise ValueError("give a mapping of platform name to the name it has for the event")
    return FrozenDict(given)


if TYPE_CHECKING:
    # What a type checker sees: a field reads as one type and is constructed from more.

    class Money:
        def __get__(self, instance: object, owner: Any = None) -> Decimal: ...
        def __set__(self, instance: object, value: Decimal | int | str) -> None: ...

    class OptionalMoney:
        def __get__(self, instance: object, owner: Any = None) -> Decimal | None: ...
        def __set__(self, instance: object, value: Decimal | int | str | None) -> None: ...

    class Id:
        def __get__(self, instance: object, owner: Any = None) -> str: ...
        def __set__(self, instance: object, value: str | int) -> None: ...

    class OptionalId:
        def __get__(self, instance: object, owner: Any = None) -> str | None: ...
        def __set__(self, instance: object, value: str | int | None) -> None: ...

    Currency = str
    OptionalCurrency = str | None
else:
    # Limits stand next to the type: pydantic then checks them in its core, which takes a third of the time.
    Money = Annotated[
        Decimal,
        Field(ge=0, max_digits=20, decimal_places=6),
        BeforeValidator(_exact),
        AfterValidator(Decimal.copy_abs),  # "-0" is zero and goes out as zero
    ]
    OptionalMoney = Money | None
    Id = Annotated[str, Field(max_length=256), BeforeValidator(_text)]
    OptionalId = Id | None
    Currency = Annotated[str, BeforeValidator(_currency)]
    OptionalCurrency = Currency | None

ABSENT: Any = None  # a default that type checkers take for any field
EMPTY: Any = ()
NO_NAMES: Mapping[str, str] = FrozenDict()
Text = Annotated[str, BeforeValidator(_cut)]  # of a visitor's own words no platform wants more
Count = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]
DeliveryCategory = Literal["in_store", "curbside", "delivery"]
Names = Annotated[Mapping[str, str], PlainValidator(_names)]


class Frozen(BaseModel):
    """A model that is checked when it is made and stays as it is; its errors never quote what it was given."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        str_strip_whitespace=True,
        defer_build=True,  # see `build`: it would be half of the import
    )

    def __init__(self, **data: Any) -> None:
        try:  # what BaseModel's own does, without the detour
            self.__pydantic_validator__.validate_python(data, self_instance=self)
        except ValidationError as error:
            raise invalid(type(self).__name__, error) from None

    # Says that it does no more than BaseModel's: what is nested is then made in pydantic's core, not through it.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed: make another one")


def build(*kinds: type[Frozen]) -> None:
    """Make what these models are checked by, where it is not made yet. Pydantic would do so at the first use, but its
    way is not safe among threads: while one builds, another may check by the parent's rules (issue 11849, 2025-05)."""
    for kind in kinds:
        kind.model_rebuild()


def invalid(subject: str, error: ValidationError) -> InvalidInput:
    """A pydantic error as ours: field and advice, never the value."""
    problems: list[tuple[str, str]] = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        field = ".".join(str(part) for part in fault["loc"])
        advice = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            advice = "there is no such field"
        elif fault["type"] == "missing":
            advice = "is required"
        problems.append((field, advice))
    return InvalidInput(subject, problems)
