"""What happened, in nobody's vocabulary: frozen, typed events. The platforms translate them.

Money is `Decimal`; constructors also take `int` and `str`. A float is refused: it cannot hold 0.1. Every constructor
raises `InvalidInput` with advice, and its message never quotes the value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    model_validator,
)

from .currencies import CURRENCIES
from .errors import InvalidInput
from .frozen import FrozenDict


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

    class Items:
        def __get__(self, instance: object, owner: Any = None) -> tuple[Item, ...]: ...
        def __set__(self, instance: object, value: Sequence[Item]) -> None: ...

    Currency = str
    OptionalCurrency = str | None
else:
    Money = Annotated[
        Decimal,
        BeforeValidator(_exact),
        Field(ge=0, max_digits=20, decimal_places=6),
        AfterValidator(Decimal.copy_abs),  # "-0" is zero and goes out as zero
    ]
    OptionalMoney = Money | None
    Id = Annotated[str, BeforeValidator(_text), Field(max_length=256)]
    OptionalId = Id | None
    Currency = Annotated[str, BeforeValidator(_currency)]
    OptionalCurrency = Currency | None

_NONE: Any = None
_EMPTY: Any = ()
_NO_NAMES: FrozenDict[str] = FrozenDict()


def _no_names() -> Mapping[str, str]:
    return _NO_NAMES


Text = Annotated[str, Field(max_length=1000)]
Names = Annotated[Mapping[str, str], PlainValidator(_names), PlainSerializer(dict)]


class Frozen(BaseModel):
    """A model that is checked when it is made and stays as it is; its errors never quote what it was given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise invalid(type(self).__name__, error) from None

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed: make another one")


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


class Item(Frozen):
    """One line of a cart: `id` is the one in your product catalogue, `price` is for a single unit."""

    id: Id = Field()
    name: Text | None = None
    category: Text | None = None
    brand: Text | None = None
    price: OptionalMoney = Field(default=_NONE)
    quantity: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 1


if not TYPE_CHECKING:

    def _tuple(value: Any) -> Any:
        if isinstance(value, (str, bytes, Mapping, Item)) or not isinstance(value, Sequence):
            raise ValueError("give a list of Item(...)")
        return tuple(value)

    Items = Annotated[tuple[Item, ...], BeforeValidator(_tuple)]


class Event(Frozen):
    """The root of all events. `names` gives a platform's own event name where the default one is not wanted:
    `names={"snap": "LEVEL_COMPLETE"}`, keyed by the platform's name."""

    names: Names = Field(default_factory=_no_names)

    key_field: ClassVar[str | None] = None  # the field that is a natural key, if the event has one

    @property
    def type(self) -> str:
        """The event's neutral name: 'Purchase', 'AddToCart', …"""
        return type(self).__name__

    @property
    def custom_name(self) -> str:
        """The caller's own name of a CustomEvent, else the empty string."""
        return ""

    @property
    def natural_key(self) -> str | None:
        """What makes two reports the same conversion (an order id), or None: each call is then its own occurrence."""
        return None if self.key_field is None else self.__dict__.get(self.key_field)

    @property
    def item_count(self) -> int | None:
        """Units in all lines, or None where the event has no lines."""
        items: tuple[Item, ...] = self.__dict__.get("items") or ()
        return sum(item.quantity for item in items) if items else None


class PageView(Event):
    """A page was seen."""

    category: Text | None = None


class Commerce(Event):
    """What the events of a shop have in common. `value` is the total the customer pays, in units of `currency`."""

    items: Items = Field(default=_EMPTY)
    value: OptionalMoney = Field(default=_NONE)
    currency: OptionalCurrency = None
    category: Text | None = None

    @model_validator(mode="after")
    def _value_needs_currency(self) -> Commerce:
        fields = self.__dict__
        if fields["value"] is not None and fields["currency"] is None:
            raise ValueError("a value needs its currency: pass currency='EUR' (the platforms would guess one)")
        return self


class ViewContent(Commerce):
    """A product or article was looked at."""


class ViewCategory(Commerce):
    """A list of products was looked at."""


class Search(Commerce):
    """The visitor searched the site."""

    search_string: Text = ""


class AddToCart(Commerce):
    """Something was put into the cart; `items` holds what was added, not the whole cart."""


class AddToWishlist(Commerce):
    """Something was put on the wishlist."""


class StartCheckout(Commerce):
    """The visitor went to the checkout."""


class AddPaymentInfo(Commerce):
    """The visitor entered how to pay."""


class Purchase(Event):
    """Somebody paid. `order_id` is the natural key: all reports of one order are one conversion."""

    order_id: OptionalId = Field(default=_NONE)
    value: Money = Field()
    currency: Currency = Field()
    items: Items = Field(default=_EMPTY)
    category: Text | None = None

    key_field = "order_id"


class Lead(Commerce):
    """Somebody asked to be contacted: a newsletter, a quote, a form."""

    order_id: OptionalId = Field(default=_NONE)


class SignUp(Commerce):
    """Somebody made an account."""

    order_id: OptionalId = Field(default=_NONE)
    sign_up_method: Text | None = None


class Subscribe(Commerce):
    """A paid subscription began. Renewals carry their own `key=` (the invoice id)."""

    order_id: OptionalId = Field(default=_NONE)

    key_field = "order_id"


class StartTrial(Commerce):
    """A trial began."""

    order_id: OptionalId = Field(default=_NONE)

    key_field = "order_id"


class WatchVideo(Event):
    """A video was watched."""

    title: Text | None = None


class CustomEvent(Commerce):
    """Anything else, under a name of yours (1 to 64 characters)."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    order_id: OptionalId = Field(default=_NONE)

    @property
    def custom_name(self) -> str:
        return self.name


EVENT_TYPES: Mapping[str, type[Event]] = FrozenDict(
    {
        cls.__name__: cls
        for cls in (
            PageView,
            ViewContent,
            ViewCategory,
            Search,
            AddToCart,
            AddToWishlist,
            StartCheckout,
            AddPaymentInfo,
            Purchase,
            Lead,
            SignUp,
            Subscribe,
            StartTrial,
            WatchVideo,
            CustomEvent,
        )
    }
)


def to_record(event: Event) -> dict[str, Any]:
    """The event as plain data (money as text), to be stored; `from_record` is its inverse."""
    return {"type": event.type, **event.model_dump(mode="json", exclude_unset=True, exclude_none=True)}


def from_record(record: Mapping[str, Any]) -> Event:
    """The event that `to_record` was given."""
    fields = dict(record)
    kind = EVENT_TYPES.get(fields.pop("type", ""))
    if kind is None:
        raise InvalidInput("event", [("type", f"give one of {', '.join(EVENT_TYPES)}")])
    return kind(**fields)
