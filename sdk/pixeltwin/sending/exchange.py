"""One request and what came of it: an outcome an event, whatever goes wrong on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import format_datetime

from ..contract import Misconfigured, Outcome, Platform, RetryLater, ServerRequest
from ..errors import ConfigurationError, described
from ..logfields import fields
from .reading import clean
from .skew import skew

log = logging.getLogger("pixeltwin")

Answer = tuple[int, Mapping[str, str], bytes]  # status, headers with lower-case names, body
Test = bool | str | None  # what `server_request` takes


class NoAnswer(Exception):
    """A request got no usable answer, and may or may not have arrived. The message names neither URL nor token."""


@dataclass(frozen=True, slots=True)
class Answered:
    """`outcomes`: one an event, clean of secrets. `heard`: whether there was an answer; `wait` and `skew`: what its
    headers say of the rate limit and of the clock."""

    outcomes: list[Outcome]
    heard: bool = False
    wait: float | None = None
    skew: float | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """Asks one platform. `post` sends, and raises `NoAnswer`, or `ConfigurationError` for what cannot be sent."""

    platform: Platform
    post: Callable[[ServerRequest], Answer]
    clock: Callable[[], datetime]

    def ask(self, bodies: Sequence[bytes], test: Test) -> Answered:
        """Send these encoded events, of one lane, in one request."""
        many = len(bodies)
        try:
            request = self.platform.server_request(bodies, test)
        except Exception as error:  # the token may be a callable of the site's
            return Answered([self._unwritten(error)] * many)
        asked = self.clock()
        try:
            status, headers, body = self.post(request)
        except ConfigurationError as error:
            return Answered([Misconfigured(str(error))] * many)
        except NoAnswer as error:
            return Answered([RetryLater(None, f"network: {error}")] * many)
        answered = self.clock()
        ahead = skew(headers, asked, answered)
        # Without a Date an answer is of the moment it arrived (RFC 9110, 6.6.1): what it names is counted from there.
        headers = {"date": format_datetime(answered.astimezone(timezone.utc), usegmt=True), **headers}
        hidden = test if isinstance(test, str) else ""
        outcomes = clean(self._outcomes(status, headers, body, many), request, hidden)
        return Answered(outcomes, True, self._spent(headers), ahead)

    def _unwritten(self, error: Exception) -> Outcome:
        """Why there is no request: a wrong setting, or a fault in code, which is tried again later."""
        if isinstance(error, ConfigurationError):
            return Misconfigured(str(error))
        log.error(
            "%s: a request cannot be written: %s", self.platform.name, described(error), extra=_fields(self.platform)
        )
        return RetryLater(None, f"request error: {type(error).__name__}")

    def _outcomes(self, status: int, headers: Mapping[str, str], body: bytes, many: int) -> list[Outcome]:
        try:
            outcomes = self.platform.read_reply(status, headers, body, many)
        except Exception as error:
            said = "%s: an answer (HTTP %d) cannot be read: %s"
            log.error(said, self.platform.name, status, described(error), extra=_fields(self.platform))
            return [RetryLater(None, f"HTTP {status}: unreadable answer ({type(error).__name__})")] * many
        if len(outcomes) != many:
            return [RetryLater(None, f"HTTP {status}: an answer for {len(outcomes)} events, not {many}")] * many
        return outcomes

    def _spent(self, headers: Mapping[str, str]) -> float | None:
        try:
            return self.platform.spent(headers)
        except Exception as error:
            said = "%s: rate-limit headers cannot be read: %s"
            log.error(said, self.platform.name, described(error), extra=_fields(self.platform))
            return None


def _fields(platform: Platform) -> dict[str, object]:
    return fields(platform=platform.name, destination=platform.destination)
