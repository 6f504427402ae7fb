"""What happened, in nobody's vocabulary: frozen, typed events. The platforms translate them.

Money is `Decimal`; constructors also take `int` and `str`. A float is refused: it cannot hold 0.1. Every constructor
raises `InvalidInput` with advice, and its message never quotes the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator

from .errors import InvalidInput
from .fields import (
    ABSENT,
    EMPTY,
    NO_NAMES,
    Count,
    Currency,
    DeliveryCategory,
    Frozen,
    Id,
    Money,
    Names,
    OptionalCurrency,
    OptionalId,
    OptionalMoney,
    Text,
)
from .frozen import FrozenDict

if TYPE_CHECKING:

    class Items:
        def __get__(self, instance: object, owner: Any = None) -> tuple[Item, ...]: ...
        def __set__(self, instance: object, value: Sequence[Item]) -> None: ...


class Item(Frozen):
    """One line of a cart: `id` is the one in your product catalogue, `price` is for a single unit."""

    id: Id = Field()
    name: Text | None = None
    category: Text | None = None
    brand: Text | None = None
    price: OptionalMoney = Field(default=ABSENT)
    quantity: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 1
    variant: Text | None = None
    variant_id: OptionalId = Field(default=ABSENT)
    brand_id: OptionalId = Field(default=ABSENT)
    delivery_category: DeliveryCategory | None = None


if not TYPE_CHECKING:

    def _tuple(value: Any) -> Any:
        if isinstance(value, (list, tuple)):  # what it is nearly always; the rest is slow to ask
            return tuple(value)
        if isinstance(value, (str, bytes, Mapping, Item)) or not isinstance(value, Sequence):
            raise ValueError("give a list of Item(...)")
        return tuple(value)

    Items = Annotated[tuple[Item, ...], BeforeValidator(_tuple)]


class Event(Frozen):
    """The root of all events. `names` gives a platform's own event name where the default one is not wanted:
    `names={"snap": "LEVEL_COMPLETE"}`, keyed by the platform's name."""

    type: ClassVar[str] = "Event"  # its neutral name: 'Purchase', 'AddToCart', …

    names: Names = Field(default=NO_NAMES)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.type = cls.__name__

    @property
    def custom_name(self) -> str:
        """The caller's own name of a CustomEvent, else the empty string."""
        return ""

    @property
    def natural_key(self) -> str | None:
        """What makes two reports the same conversion (an order id), or None: each call is then its own occurrence."""
        return self.__dict__.get("order_id")

    @property
    def item_count(self) -> int | None:
        """Units in all lines, or None where the event has no lines."""
        items: tuple[Item, ...] = self.__dict__.get("items") or ()
        return sum([item.quantity for item in items]) if items else None


class PageView(Event):
    """A page was seen."""

    category: Text | None = None
    title: Text | None = None


class Travel(Frozen):
    """What a travel site knows of the trip. Dates are ISO text (2026-08-20); airports are IATA codes."""

    destination_airport: Text | None = None
    origin_airport: Text | None = None
    country: Text | None = None
    region: Text | None = None
    city: Text | None = None
    neighborhood: Text | None = None
    postal_code: Text | None = None
    travel_start: Text | None = None
    travel_end: Text | None = None
    checkin_date: Text | None = None
    departing_departure_date: Text | None = None
    departing_arrival_date: Text | None = None
    returning_departure_date: Text | None = None
    returning_arrival_date: Text | None = None
    num_adults: Count | None = None
    num_children: Count | None = None
    num_infants: Count | None = None
    hotel_score: Text | None = None
    preferred_neighborhoods: tuple[str, ...] = ()
    preferred_star_ratings: tuple[str, ...] = ()
    suggested_destinations: tuple[str, ...] = ()
    suggested_hotels: tuple[str, ...] = ()


class Sale(Event):
    """What every event of a shop may tell besides its amount. `content_name` is what the event is about, in words;
    `predicted_ltv` is the customer's predicted value over his life, in units of the event's currency."""

    items: Items = Field(default=EMPTY)
    category: Text | None = None
    content_name: Text | None = None
    description: Text | None = None
    promo_code: Text | None = None
    predicted_ltv: OptionalMoney = Field(default=ABSENT)
    customer_status: Literal["new", "returning", "reactivated"] | None = None
    delivery_category: DeliveryCategory | None = None
    travel: Travel | None = None


class Commerce(Sale):
    """A shop's event that may have an amount. `value` is the total the customer pays, in units of `currency`."""

    value: OptionalMoney = Field(default=ABSENT)
    currency: OptionalCurrency = None

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


class Purchase(Sale):
    """Somebody paid. `order_id` is the natural key: all reports of one order are one conversion.

    `value` is the total the customer pays; `tax` and `shipping` are what of it is tax and shipping, for platforms that
    ask for the total before them.
    """

    order_id: OptionalId = Field(default=ABSENT)
    value: Money = Field()
    currency: Currency = Field()
    tax: OptionalMoney = Field(default=ABSENT)
    shipping: OptionalMoney = Field(default=ABSENT)

    @model_validator(mode="after")
    def _parts_of_the_total(self) -> Purchase:
        fields = self.__dict__
        if (fields["tax"] or 0) + (fields["shipping"] or 0) > fields["value"]:
            raise ValueError("tax and shipping are parts of value, the total the customer pays: they cannot exceed it")
        return self


class Refund(Event):
    """Money went back. Platforms have no such event: it is sent, by setting, as one of their custom ones, by the server
    alone. Give `key=` (the refund's own id) so that one refund is counted once; an order may have several."""

    order_id: OptionalId = Field(default=ABSENT)
    value: Money = Field()
    currency: Currency = Field()
    items: Items = Field(default=EMPTY)

    @property
    def natural_key(self) -> str | None:
        return None


class Lead(Commerce):
    """Somebody asked to be contacted: a newsletter, a quote, a form."""

    order_id: OptionalId = Field(default=ABSENT)
    lead_type: Text | None = None


class SignUp(Commerce):
    """Somebody made an account."""

    order_id: OptionalId = Field(default=ABSENT)
    sign_up_method: Text | None = None


class Subscribe(Commerce):
    """A paid subscription began. Renewals carry their own `key=` (the invoice id)."""

    order_id: OptionalId = Field(default=ABSENT)


class StartTrial(Commerce):
    """A trial began."""

    order_id: OptionalId = Field(default=ABSENT)


class WatchVideo(Event):
    """A video was watched."""

    title: Text | None = None


class CustomEvent(Commerce):
    """Anything else, under a name of yours (1 to 64 characters)."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    order_id: OptionalId = Field(default=ABSENT)

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
            Refund,
            Lead,
            SignUp,
            Subscribe,
            StartTrial,
            WatchVideo,
            CustomEvent,
        )
    }
)


_NOTHING: frozenset[str] = frozenset()


class Given(NamedTuple):
    """The names of the fields that were given and hold something: of an event, and of any of its items."""

    event: frozenset[str]
    items: frozenset[str]


def given(event: Event) -> Given:
    """What a platform has to have room for; asked once a conversion, see `Conversion.given`."""
    lines: Sequence[Item] = event.__dict__.get("items") or ()
    of_items = _NOTHING
    for line in lines:
        of_items |= _given(line)
    return Given(_given(event), of_items)


def _given(model: Frozen) -> frozenset[str]:
    own = model.__dict__
    return frozenset([field for field in model.__pydantic_fields_set__ if own[field] or own[field] == 0])


def renamed(own: Mapping[str, Any], columns: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Those of these fields that hold something, under a platform's keys; `own` is the `__dict__` of an event or item,
    `columns` are pairs of field and key."""
    said: dict[str, Any] = {}
    for field, key in columns:
        value = own[field]
        if value or value == 0:  # zero is a value, "" is none
            said[key] = value
    return said


def to_record(event: Event) -> dict[str, Any]:
    """The event as plain data (money as text), to be stored; `from_record` is its inverse."""
    plain = event.__pydantic_serializer__.to_python(event, mode="json", exclude_unset=True, exclude_none=True)
    return {"type": event.type, **plain}


def from_record(record: Mapping[str, Any]) -> Event:
    """The event that `to_record` was given."""
    fields = dict(record)
    kind = EVENT_TYPES.get(fields.pop("type", ""))
    if kind is None:
        raise InvalidInput("event", [("type", f"give one of {', '.join(EVENT_TYPES)}")])
    return kind(**fields)
