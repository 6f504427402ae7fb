"""Where Reddit's two halves carry each field: the pixel's hit (as observed 2024-10 and 2026-07) and the API's event."""

from __future__ import annotations

from ...emulation import Field
from .mapping import ITEM_FIELDS, METADATA_FIELDS, USER_FIELDS

# What the pixel's script writes of a call into the hit; the value has a second place where decimals are switched off.
_HIT = {
    "currency": "m.currency",
    "value": "m.valueDecimal",
    "item_count": "m.itemCount",
    "order_id": "m.transactionId",
    "email": "em",
    "phone": "pn",
    "external_id": "external_id",
}
_LINES = {pixel: api for _, pixel, api in ITEM_FIELDS if pixel and api}

FIELDS = (
    Field("ID", "conversionId", ("m.conversionId",), ("metadata", "conversion_id")),
    Field("event", "event", ("event",), ("type", "tracking_type")),
    Field("custom name", "customEventName", ("m.customEventName",), ("type", "custom_event_name")),
    *(
        Field(name.replace("_", " "), pixel or "", (_HIT[name],), ("metadata", api) if api else ())
        for name, pixel, api in METADATA_FIELDS
    ),
    Field("products", "products", ("m.products",), ("metadata", "products"), _LINES),
    *(
        Field(name.replace("_", " "), pixel or "", (_HIT[name],) if pixel else (), ("user", api) if api else ())
        for name, pixel, api in USER_FIELDS
    ),
    Field("user agent", "", (), ("user", "user_agent")),
    Field("browser id", "uuid", ("uuid",), ("user", "uuid")),
    Field("click id", "click_id", ("click_id",), ("click_id",)),
    Field("page", "esurl", ("esurl",), ("event_source_url",)),
)
