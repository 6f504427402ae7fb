"""Courier's part of the sandbox: its API, the hits of its pixel, and a pixel script. It refuses unknown keys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Decimal
from importlib.resources import files
from typing import Any, cast
from urllib.parse import parse_qs, urlencode

from pixeltwin.contract import BrowserCall, Half
from pixeltwin.emulation import Answer, Emulator, Field, Incoming, Rejection
from pixeltwin.replies import json_body
from pixeltwin.strictjson import encode

from .mapping import FIELDS, KNOWN_NAMES, WHERE, WHO

_PARCELS = re.compile(r"/v1/bags/([^/]+)/parcels")
_SAID = {"id", "things", *(theirs for _, theirs in FIELDS)}
_PARCEL = {"name", "at", "where", "who", "limit", *_SAID}
_SOURCES = {theirs: ours for ours, theirs in WHERE.items()}
_TROUBLE = {401: "this key opens nothing", 429: "too many parcels"}


class CourierEmulator(Emulator):
    """Plays api.courier.example and pixel.courier.example."""

    api_path = "/v1"
    script_path = "/c.js"
    fields = (
        Field("ID", "id", ("id",), ("id",)),
        *(Field(ours.replace("_", " "), theirs, (theirs,), (theirs,)) for ours, theirs in FIELDS),
        Field("items", "things", ("things",), ("things",)),
        *(Field(ours.replace("_", " "), "", (), ("who", theirs)) for ours, theirs in WHO),
    )

    def answer(self, incoming: Incoming, now: datetime) -> Answer:
        if incoming.path == self.script_path:
            script = files("tests.courier").joinpath("pixel.js").read_bytes()
            return Answer(200, script, "text/javascript; charset=utf-8")
        if incoming.path == "/hit.gif":
            return _hit(incoming, now)
        bag = _PARCELS.fullmatch(incoming.path)
        if not bag or incoming.method != "POST":
            return _no(404, "no such counter")
        if not incoming.headers.get("authorization", "").startswith("Bearer "):
            return self.trouble(401)
        return _receive(incoming, bag[1], now)

    def hit(self, init: Sequence[BrowserCall], call: BrowserCall, page_url: str, now: datetime) -> Incoming:
        query = {"bag": init[0].args[1], "name": call.args[1], "said": encode(call.args[2]).decode()}
        return Incoming("GET", "/hit.gif", urlencode(query), {}, b"")

    def trouble(self, status: int) -> Answer:
        return _no(status, _TROUBLE.get(status, "closed"))


def _no(status: int, why: str) -> Answer:
    return Answer(status, encode({"why": why}))


def _object(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _hit(incoming: Incoming, now: datetime) -> Answer:
    query = {name: values[0] for name, values in parse_qs(incoming.query).items()}
    said = _object(json_body(query.get("said", "").encode()))
    name = next((known.server for known in KNOWN_NAMES if known.browser == query.get("name")), "")
    half = _half("browser", query.get("bag", ""), {**said, "name": name}, now)
    if not name or set(said) - _SAID:
        return Answer(200, b"", "image/gif", rejected=(Rejection(half, "unknown name or key"),))
    return Answer(200, b"", "image/gif", halves=(half,))


def _receive(incoming: Incoming, bag: str, now: datetime) -> Answer:
    parcels: Any = _object(json_body(incoming.body)).get("parcels")
    if not isinstance(parcels, list) or not parcels:
        return _no(400, "parcels: give a list")
    halves: list[Half] = []
    rejected: list[Rejection] = []
    entries: list[dict[str, Any]] = []
    for parcel in map(_object, parcels):
        half, why = _half("server", bag, parcel, now), _fault(parcel)
        if why:
            rejected.append(Rejection(half, why))
        else:
            halves.append(half)
        entries.append({"taken": False, "why": why} if why else {"taken": True})
    if parse_qs(incoming.query).get("test") == ["true"]:
        return Answer(200, encode({"parcels": entries}), warnings=("test=true: answered, not taken",))
    return Answer(200, encode({"parcels": entries}), halves=tuple(halves), rejected=tuple(rejected))


def _fault(parcel: dict[str, Any]) -> str:
    """Why a parcel is not taken; empty when it is."""
    unknown = sorted(set(parcel) - _PARCEL)
    if unknown:
        return f"unknown key {unknown[0]}"
    if parcel.get("name") not in {known.server for known in KNOWN_NAMES}:
        return "unknown name"
    if parcel.get("where") not in _SOURCES:
        return "unknown place"
    if not isinstance(parcel.get("at"), int):
        return "at: give milliseconds"
    who = _object(parcel.get("who"))
    if not who or set(who) - {"mail", "ip"}:
        return "who: give mail or ip"
    if "mail" in who and not re.fullmatch("[0-9a-f]{64}", str(who["mail"])):
        return "mail: hash it"
    return ""


def _half(side: Any, bag: str, said: dict[str, Any], now: datetime) -> Half:
    at, amount = said.get("at"), said.get("amount")
    return Half(
        side=side,
        event=str(said.get("name", "")),
        id=str(said["id"]) if said.get("id") else None,
        occurred_at=datetime.fromtimestamp(at / 1000, timezone.utc) if isinstance(at, int) else now,
        received_at=now,
        account=bag,
        action_source=_SOURCES.get(str(said.get("where")), "web"),
        value=Decimal(str(amount)) if isinstance(amount, (int, float)) else None,
        payload=said,
    )
