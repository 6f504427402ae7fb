"""Snap's v3 event as a strict JSON Schema: its published tables and its SDK's models (2025-05-22), and no more."""

from __future__ import annotations

from typing import Any

TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT, "minItems": 1}
AMOUNT: dict[str, Any] = {"type": "number", "minimum": 0}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
DIGESTS: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "uniqueItems": True,
    "items": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
}
UUID: dict[str, Any] = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
DELIVERY: dict[str, Any] = {"enum": ["in_store", "curbside", "delivery"]}


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


USER = closed(
    [],
    **dict.fromkeys(("em", "ph", "fn", "ln", "ge", "ct", "st", "zp", "country", "external_id"), DIGESTS),
    client_ip_address={"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}], **TEXT},
    **dict.fromkeys(("client_user_agent", "sc_click_id", "sc_cookie1", "idfv"), TEXT),
    madid=UUID,
)
USER["anyOf"] = [
    {"required": ["em"]},
    {"required": ["ph"]},
    {"required": ["madid"]},
    {"required": ["client_ip_address", "client_user_agent"]},
]
CONTENT = closed(
    ["id", "quantity"],
    id=TEXT,
    quantity={"type": "string", "pattern": "^[1-9][0-9]*$"},
    item_price={"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"},
    brand=TEXT,
    delivery_category=DELIVERY,
)
CUSTOM = closed(
    [],
    value=AMOUNT,
    predicted_ltv=AMOUNT,
    currency={"type": "string", "pattern": "^[A-Z]{3}$"},
    content_ids=TEXTS,
    contents={"type": "array", "items": CONTENT, "minItems": 1},
    delivery_category=DELIVERY,
    **dict.fromkeys(("num_items", "num_adults", "num_children", "num_infants"), COUNT),
    **dict.fromkeys(
        ("order_id", "content_category", "content_name", "brands", "search_string", "sign_up_method", "event_tag"), TEXT
    ),
    **dict.fromkeys(("checkin_date", "travel_start", "travel_end", "destination_airport", "origin_airport"), TEXT),
    **dict.fromkeys(("country", "city", "region", "neighborhood", "postal_code", "hotel_score"), TEXT),
    **dict.fromkeys(("departing_departure_date", "departing_arrival_date"), TEXT),
    **dict.fromkeys(("returning_departure_date", "returning_arrival_date"), TEXT),
    **dict.fromkeys(("preferred_neighborhoods", "preferred_star_ratings"), TEXTS),
    **dict.fromkeys(("suggested_destinations", "suggested_hotels"), TEXTS),
)
APP = closed(
    ["app_id", "advertiser_tracking_enabled", "extinfo"],
    app_id=TEXT,
    advertiser_tracking_enabled={"enum": [0, 1]},
    extinfo={
        "type": "array",
        "minItems": 16,
        "maxItems": 16,
        "prefixItems": [{"enum": ["i2", "a2"]}, *[{"type": "string"}] * 3, TEXT],
        "items": {"type": "string"},
    },
    install_referrer=TEXT,
    installer_package=TEXT,
)
EVENT = closed(
    ["event_name", "event_time", "event_id", "action_source", "user_data"],
    event_name={"type": "string", "pattern": "^[A-Z_]+[1-5]?$"},
    event_time={"type": "integer", "minimum": 10**12},
    event_id=TEXT,
    action_source={"enum": ["WEB", "MOBILE_APP", "OFFLINE"]},
    event_source_url={"type": "string", "pattern": "^https?://"},
    user_data=USER,
    custom_data=CUSTOM,
    app_data=APP,
    data_processing_options={"enum": [["LMU"], ["LDU"]]},
)
EVENT["allOf"] = [
    {
        "if": {"properties": {"action_source": {"const": "WEB"}}},
        "then": {"required": ["event_source_url"]},
    },
    {
        "if": {"properties": {"action_source": {"const": "MOBILE_APP"}}},
        "then": {"required": ["app_data"]},
        "else": {"not": {"required": ["app_data"]}},
    },
    {
        "if": {"properties": {"event_name": {"const": "PURCHASE"}}},
        "then": {
            "required": ["custom_data"],
            "properties": {"custom_data": {"required": ["value", "currency"]}},
        },
    },
]
