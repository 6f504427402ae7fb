"""A sandbox in this process, asked without a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client

from ..emulation import Incoming
from ..platforms import installed
from ..strictjson import decode, encode

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Asker:
    """Speaks the sandbox's HTTP interface with a sandbox that is a WSGI application."""

    def __init__(self, sandbox: WSGIApplication) -> None:
        self._client = Client(sandbox, use_cookies=False)

    def send(self, kind: str, request: Incoming) -> Reply:
        """A request to a platform's part of the sandbox."""
        return self._open(request.method, f"/{kind}{request.path}", request.query, request.headers, request.body)

    def ask(self, path: str, told: Any = None) -> Any:
        """The JSON of an answer; `told` is posted."""
        reply = self._open("GET" if told is None else "POST", path, "", {}, b"" if told is None else encode(told))
        found = decode(reply.body)
        if reply.status >= 400:
            raise ValueError(found.get("error", reply.status))
        return found

    def records(self, kind: str | None = None, event: str | None = None) -> list[dict[str, Any]]:
        """The sandbox's records, of this platform and this event (in the platform's words or pixeltwin's)."""
        return [one for one in self.ask("/api/conversions")["conversions"] if is_of(one, kind, event)]

    def whole(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record with its fields side by side."""
        found: dict[str, Any] = self.ask(f"/api/conversions/{record['key']}")
        return found

    def _open(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        answer = self._client.open(
            path, method=method, query_string=query, headers=dict(headers), data=body or None, buffered=True
        )
        try:
            told = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(answer.status_code, told, answer.get_data())
        finally:
            answer.close()


def is_of(record: Mapping[str, Any], kind: str | None, event: str | None) -> bool:
    """Whether a record is of this platform and event. Where a platform has one name for several events, the sandbox
    cannot tell which it was, and it is of each of them."""
    if kind not in (None, record["platform"]):
        return False
    if event in (None, record["name"], record["event"], record["custom_name"]):
        return True
    name = installed()[record["platform"]].event_names.get(event)
    return record["name"] is None and name is not None and name.server == record["event"]
