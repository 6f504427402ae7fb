"""One request over kept connections: an answer, or why there is none."""

from __future__ import annotations

import codecs
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..contract import ServerRequest
from ..errors import ConfigurationError
from ..once import once
from ..outbox.contract import LEASE
from ..sending.exchange import Answer, NoAnswer
from ..sending.secrecy import check_writable, network_fault, unlogged
from .answer import PLAIN, body

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds a request may take. `connect`: a healthy API accepts within a round trip, and three seconds survive a
    lost packet. `read`: for the next bytes of the answer to a full batch. `total`: ends an answer that drips; a lease
    must outlast it."""

    connect: float = 3.0
    read: float = 10.0
    total: float = 20.0

    def __post_init__(self) -> None:
        if self.connect + 2 * self.read + self.total >= LEASE.total_seconds():
            raise ConfigurationError(f"a request must end well within the {LEASE.seconds} s that rows are leased for")

    @property
    def longest(self) -> float:
        """The most a request takes through a transport of the site's own, whose parts do not know of `total`:
        connecting, writing, and the last read beginning just before it."""
        return self.connect + 2 * self.read + self.total


class Wire:
    """Sends requests over kept connections: TLS verified, no redirects, no cookies, no proxy from the environment.

    It drives httpx's transport without the client on top, which would add these and log each URL.
    """

    def __init__(self, transport: httpx.BaseTransport | None, timeouts: Timeouts) -> None:
        self._given = transport
        self._own: httpx.BaseTransport | None = None
        self._timeouts = timeouts

    def post(self, request: ServerRequest) -> Answer:
        """The answer. `NoAnswer` when there is none; `ConfigurationError` when the request cannot even be written."""
        with once():  # on the first request, so that the web process need not wait for it
            import httpcore
            import httpx

            codecs.lookup("idna")  # imported too, when a host is first looked up

        check_writable(request)
        limits = self._timeouts
        timeout = {"connect": limits.connect, "read": limits.read, "write": limits.read, "pool": limits.connect}
        until = math.inf
        try:
            with unlogged():
                transport = self._transport()  # the first reads the system's certificates, in its own time
                until = time.monotonic() + limits.total
                message = httpx.Request(
                    request.method,
                    request.url,
                    headers=PLAIN | dict(request.headers),
                    content=request.body,
                    extensions={"timeout": timeout, "until": until},
                )
                response = transport.handle_request(message)
                try:
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    return response.status_code, headers, body(response, headers, until)
                finally:
                    response.close()
        except NoAnswer:
            raise
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpcore.UnsupportedProtocol) as error:
            raise ConfigurationError(f"the API's address is no URL ({type(error).__name__}); check api_url=") from None
        except (httpx.TimeoutException, httpcore.TimeoutException) as error:
            late = time.monotonic() >= until
            raise NoAnswer("the answer takes too long" if late else network_fault(error)) from None
        except Exception as error:
            raise NoAnswer(network_fault(error)) from None

    def _transport(self) -> httpx.BaseTransport:
        if self._given is not None:
            return self._given
        with once():
            if self._own is None:
                from .transport import Transport

                self._own = Transport()
            return self._own

    def close(self) -> None:
        """Give back the connections; the next request opens new ones."""
        with once():
            transport, self._own = self._own, None
        if transport is not None:
            transport.close()
