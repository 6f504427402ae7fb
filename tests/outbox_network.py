"""A network between an outbox and its PostgreSQL, which forgets connections and swallows what is sent."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass
from time import sleep
from typing import Any, Literal

Lot = Literal[
    "passes", "is swallowed", "is swallowed where it writes", "is cut off", "is cut off before an answer", "drips"
]
DROP = 32_768  # bytes of an answer that come at once where it drips


@dataclass(eq=False)
class Flow:
    """One connection through it, and what becomes of what is sent there."""

    near: socket.socket
    far: socket.socket
    lot: Lot = "passes"


class Network:
    """`url` leads through it to the server that `server_url` names. `lot`: what new connections meet."""

    def __init__(self, server_url: str) -> None:
        from psycopg.conninfo import conninfo_to_dict

        self._server: dict[str, Any] = conninfo_to_dict(server_url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.flows: list[Flow] = []
        self.lot: Lot = "passes"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        from urllib.parse import urlencode

        here = {**self._server, "host": "127.0.0.1", "port": self._listener.getsockname()[1]}
        return f"postgresql://?{urlencode(here).replace('+', '%20')}"

    def befalls(self, lot: Lot) -> None:
        """Those that are open."""
        for flow in self.flows:
            flow.lot = lot

    def close(self) -> None:
        self._listener.close()
        for flow in self.flows:
            _end(flow.near)
            _end(flow.far)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            flow = Flow(near, self._connected(), self.lot)
            self.flows.append(flow)
            for source, sink in ((flow.near, flow.far), (flow.far, flow.near)):
                threading.Thread(target=_carry, args=(flow, source, sink), daemon=True).start()

    def _connected(self) -> socket.socket:
        host, port = self._server.get("host", "localhost"), self._server.get("port", "5432")
        if not host.startswith("/"):
            return socket.create_connection((host, int(port)))
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(f"{host}/.s.PGSQL.{port}")
        return connection


def _carry(flow: Flow, source: socket.socket, sink: socket.socket) -> None:
    while True:
        try:
            data = source.recv(65536)
            if not data:
                return _end(sink)
            if flow.lot == "is cut off" and source is flow.near:
                _reset(flow.near)
                return _end(flow.far)
            if flow.lot == "is cut off before an answer" and source is flow.far:
                return _end(flow.near)
            if flow.lot == "drips" and source is flow.far:
                _drip(sink, data)
            elif flow.lot != "is swallowed" and not (flow.lot == "is swallowed where it writes" and b"INSERT" in data):
                sink.sendall(data)
        except OSError:
            return None


def _drip(sink: socket.socket, data: bytes) -> None:
    for begin in range(0, len(data), DROP):
        sleep(0.12)  # for longer than a connection on which nothing comes is looked at
        sink.sendall(data[begin : begin + DROP])


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _end(connection: socket.socket) -> None:
    with suppress(OSError):  # it has ended
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
