"""How each platform spells one conversion: readers of the browser call and of the server event, by platform."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pixeltwin.contract import BrowserCall
from pixeltwin.strictjson import encode

PAGE = "https://shop.example/thanks"
Said = Mapping[str, Any]


@dataclass(frozen=True)
class Twin:
    """One half in nobody's words. A reader gives the fields its half can have at all; None where it says nothing."""

    said: Said

    def differs_from(self, other: Twin) -> dict[str, tuple[Any, Any]]:
        """The fields both halves have whose values are not equal."""
        shared = self.said.keys() & other.said.keys()
        return {
            field: (self.said[field], other.said[field]) for field in shared if self.said[field] != other.said[field]
        }


@dataclass(frozen=True)
class Spelling:
    """One platform's two vocabularies."""

    browser: Callable[[BrowserCall], Twin]
    server: Callable[[Said], Twin]


def exact(value: Any) -> Any:
    """A value as it is on the wire, its numbers as Decimal."""
    return json.loads(encode(value), parse_float=Decimal)


def wire_text(value: Any) -> str:
    """A value as JavaScript would put it into a URL."""
    return value if isinstance(value, str) else encode(value).decode()


def _money(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


# --- Reddit ----------------------------------------------------------------------------------------------------------


def _reddit_name(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


def _reddit_browser(call: BrowserCall) -> Twin:
    command, name, said = exact(call.args)
    assert (call.function, command) == ("rdt", "track")
    products = said.get("products") or []
    return Twin(
        {
            "event": _reddit_name(name),
            "custom_name": said.get("customEventName"),
            "id": said.get("conversionId"),
            "value": _money(said.get("value")),
            "currency": said.get("currency"),
            "count": said.get("itemCount"),
            "order_id": said.get("transactionId"),
            "items": [(*_product(one), _money(one.get("itemPrice"))) for one in products],
        }
    )


def _product(one: Said) -> tuple[Any, ...]:
    return one["id"], one["quantity"], one.get("name"), one.get("category")


def _reddit_server(event: Said) -> Twin:
    said = event["metadata"]
    products = said.get("products") or []
    return Twin(  # v3 documents no field for an order id
        {
            "event": event["type"]["tracking_type"],
            "custom_name": event["type"].get("custom_event_name"),
            "id": said.get("conversion_id"),
            "value": _money(said.get("value")),
            "currency": said.get("currency"),
            "count": said.get("item_count"),
            "items": [(*_product(one), _money(one.get("item_price"))) for one in products],
        }
    )


# --- Snap ------------------------------------------------------------------------------------------------------------


def _snap_args(call: BrowserCall) -> tuple[str, Said]:
    command, *rest = exact(call.args)
    assert (call.function, command) == ("snaptr", "track")
    name, said = rest[-2:]  # the form that names a pixel has one argument more
    return name, said


def _snap_browser(call: BrowserCall) -> Twin:
    name, said = _snap_args(call)
    return Twin(
        {
            "event": name,
            "id": said.get("client_dedup_id"),
            "value": _money(said.get("price")),
            "currency": said.get("currency"),
            "count": said.get("number_items"),
            "order_id": said.get("transaction_id"),
            "item_ids": said.get("item_ids") or [],
            "category": said.get("item_category"),
            "brands": ",".join(said.get("brands", ())) or None,  # one text in the API
            "search_string": said.get("search_string"),
            "sign_up_method": said.get("sign_up_method"),
            "delivery": said.get("delivery_method"),
            "custom_name": said.get("event_tag"),
        }
    )


def _snap_server(event: Said) -> Twin:
    said = event.get("custom_data", {})
    return Twin(
        {
            "event": event["event_name"],
            "id": event.get("event_id"),
            "value": _money(said.get("value")),
            "currency": said.get("currency"),
            "count": said.get("num_items"),
            "order_id": said.get("order_id"),
            "item_ids": said.get("content_ids") or [],
            "category": said.get("content_category"),
            "brands": said.get("brands"),
            "search_string": said.get("search_string"),
            "sign_up_method": said.get("sign_up_method"),
            "delivery": said.get("delivery_category"),
            "custom_name": said.get("event_tag"),
        }
    )


# --- Pinterest -------------------------------------------------------------------------------------------------------


_TAG_LINE = ("product_id", "product_quantity", "product_price", "product_name", "product_category", "product_brand")
_API_LINE = ("id", "quantity", "item_price", "item_name", "item_category", "item_brand")


def _line(one: Said, keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(_money(one.get(key)) if key.endswith("price") else one.get(key) for key in keys)


def _pinterest_browser(call: BrowserCall) -> Twin:
    command, name, said = exact(call.args)[:3]
    assert (call.function, command) == ("pintrk", "track")
    lines = said.get("line_items") or []
    return Twin(
        {
            "event": name.replace("_", ""),
            "id": said.get("event_id"),
            "value": _money(said.get("value")),
            "currency": said.get("currency"),
            "count": said.get("order_quantity"),
            "order_id": said.get("order_id"),
            "search_string": said.get("search_query"),
            "items": [_line(one, _TAG_LINE) for one in lines],
        }
    )


def _pinterest_server(event: Said) -> Twin:
    said = event.get("custom_data", {})
    return Twin(
        {
            "event": event["event_name"].replace("_", ""),
            "id": event.get("event_id"),
            "value": _money(said.get("value")),
            "currency": said.get("currency"),
            "count": said.get("num_items"),
            "order_id": said.get("order_id"),
            "search_string": said.get("search_string"),
            "items": [_line(one, _API_LINE) for one in said.get("contents") or []],
        }
    )


SPELLINGS: Mapping[str, Spelling] = {
    "reddit": Spelling(_reddit_browser, _reddit_server),
    "snap": Spelling(_snap_browser, _snap_server),
    "pinterest": Spelling(_pinterest_browser, _pinterest_server),
}
