"""The journal as an HTTP Archive, version 1.2 (https://w3c.github.io/web-performance/specs/HAR/Overview.html, 2012):
what browsers' network panels and other tools open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from ..version import version
from .journal import Exchange
from .times import timestamp

UNKNOWN = -1  # what the format says where a size was not measured


def archive(exchanges: Iterable[Exchange]) -> dict[str, Any]:
    """All of them as one log, in their order."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "pixeltwin sandbox", "version": version()},
            "entries": [_entry(one) for one in exchanges],
        }
    }


def _entry(one: Exchange) -> dict[str, Any]:
    milliseconds = round(one.took * 1000, 3)
    return {
        "startedDateTime": timestamp(one.moment),
        "time": milliseconds,
        "request": _request(one),
        "response": _response(one),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        "comment": "; ".join(part for part in (one.platform, one.remark) if part),
    }


def _request(one: Exchange) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": one.method,
        "url": one.url + (f"?{urlencode(one.query)}" if one.query else ""),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(one.headers),
        "queryString": [{"name": name, "value": value} for name, value in one.query],
        "headersSize": UNKNOWN,
        "bodySize": len(one.body),
    }
    if one.body:
        kind = one.headers.get("content-type", "application/octet-stream")
        request["postData"] = {"mimeType": kind, "params": [], "text": one.body.decode("utf-8", "replace")}
    return request


def _response(one: Exchange) -> dict[str, Any]:
    kind = next((value for name, value in one.answer_headers.items() if name.lower() == "content-type"), "")
    text = kind.startswith(("text/", "application/json"))
    content = {"size": len(one.answer), "mimeType": kind or "x-unknown"}
    return {
        "status": one.status,
        "statusText": _phrase(one.status),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _pairs(one.answer_headers),
        "content": {**content, "text": one.answer.decode("utf-8", "replace")} if text else content,
        "redirectURL": "",
        "headersSize": UNKNOWN,
        "bodySize": len(one.answer),
    }


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _pairs(headers: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers.items()]
