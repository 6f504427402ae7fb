"""Where Snap's two halves carry each field: the pixel's beacon (as observed, 3.54.7, 2026-04; names from 3.1.4,
2023-08) and the API's event."""

from __future__ import annotations

from ...emulation import Field
from .identity import INIT, KEYS
from .mapping import FIELDS as EVENT_FIELDS
from .mapping import PIXEL_ONLY

ID_CALL = "client_dedup_id"
# What the pixel's script calls an argument of a call on the wire. It drops every other key.
WIRE = {
    ID_CALL: "cdid",
    "client_deduplication_id": "cdid",
    "transaction_id": "e_tid",
    "price": "e_pr",
    "currency": "e_cur",
    "item_ids": "e_iids",
    "number_items": "e_ni",
    "item_category": "e_ic",
    "brands": "e_bds",
    "brand_id": "br_id",
    "search_string": "e_ss",
    "sign_up_method": "e_sm",
    "delivery_method": "e_dm",
    "event_tag": "et",
    "description": "e_desc",
    "customer_status": "e_cs",
    "level": "e_lv",
    "payment_info_available": "e_pia",
    "success": "e_su",
    "data_use": "du",
    "integration": "intg",
    "user_hashed_email": "u_hem",
    "user_hashed_phone_number": "u_hpn",
    "user_hashed_mobile_ad_id": "u_hmai",
}

FIELDS = (
    Field("ID", ID_CALL, (WIRE[ID_CALL],), ("event_id",)),
    Field("event", "event", ("ev",), ("event_name",)),
    *(
        Field(name.replace("_", " "), call, (WIRE[call],), ("custom_data", api))
        for name, (call, api) in EVENT_FIELDS.items()
    ),
    *(Field(name.replace("_", " "), call, (WIRE[call],)) for name, call in PIXEL_ONLY.items()),
    *(
        Field(name.replace("_", " "), call, (WIRE[call],) if call else (), ("user_data", key))
        for name, key in KEYS.items()
        for call in (INIT.get(name, ""),)
    ),
    Field("user agent", "", (), ("user_data", "client_user_agent")),
    Field("page", "url", ("url",), ("event_source_url",)),
    Field("browser id", "_scid", ("c1",), ("user_data", "sc_cookie1")),
    Field("click id", "ScCid", ("sr",), ("user_data", "sc_click_id")),
)
