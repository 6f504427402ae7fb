"""Where Pinterest's two halves carry each field: the tag's hit (as observed, 2025-04) and the API's event."""

from __future__ import annotations

from ...emulation import Field
from .mapping import EVENT_FIELDS, HASHED, ITEM_FIELDS

_LINES = {field.tag: field.api for field in ITEM_FIELDS.values() if field.tag and field.api}
_BY_THE_TAG = ("email", "external_id")  # what of a visitor the tag takes too

FIELDS = (
    Field("ID", "event_id", ("ed", "event_id"), ("event_id",)),
    Field("event", "event", ("event",), ("event_name",)),
    *(
        Field(
            name.replace("_", " "),
            field.tag or "",
            ("ed", field.tag) if field.tag else (),
            ("custom_data", field.api) if field.api else (),
        )
        for name, field in EVENT_FIELDS.items()
    ),
    Field("item count", "order_quantity", ("ed", "order_quantity"), ("custom_data", "num_items")),
    Field("items", "line_items", ("ed", "line_items"), ("custom_data", "contents"), _LINES),
    *(
        Field(name.replace("_", " "), key if tag else "", ("pd", key) if tag else (), ("user_data", key))
        for name, (key, _) in HASHED.items()
        for tag in (name in _BY_THE_TAG,)
    ),
    Field("ip address", "", (), ("user_data", "client_ip_address")),
    Field("user agent", "", (), ("user_data", "client_user_agent")),
    Field("click id", "epik", ("pd", "epik"), ("user_data", "click_id")),
    Field("page", "loc", ("ad", "loc"), ("event_source_url",)),
)
