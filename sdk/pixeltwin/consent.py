"""Consent: what the visitor allowed, decided once in the request and stored with the event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from .errors import InvalidInput
from .frozen import FrozenDict

State = Literal["granted", "limited", "denied", "pending"]
_STATES: tuple[str, ...] = get_args(State)
_RISING: tuple[State, ...] = ("denied", "pending", "limited", "granted")
_NO_EXCEPTIONS: Mapping[str, State] = FrozenDict()


@dataclass(frozen=True, slots=True)
class Consent:
    """`granted`: both halves. `limited`: both halves, with the platform's limited data use. `denied`: neither half,
    nothing stored. `pending`: not asked yet; the conversion is held and nothing is sent or rendered.

    `platforms` holds exceptions by platform name: `Consent.granted(platforms={"snap": "denied"})`.
    `country` (ISO 3166-1, "US") and `state` (ISO 3166-2 without the country, "CA") say where limited use applies. `who`
    is the random id under which the ledger has the decision; it makes no consent another one.
    """

    default: State
    platforms: Mapping[str, State] = field(default_factory=lambda: _NO_EXCEPTIONS)  # 3.10 takes no dict as default
    country: str | None = None
    state: str | None = None
    who: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.platforms, Mapping):
            raise InvalidInput("Consent", [("platforms", "give a mapping of platform name to 'granted', 'denied', …")])
        for value in (self.default, *self.platforms.values()):
            if value not in _STATES:
                raise InvalidInput("Consent", [("", f"give one of {', '.join(_STATES)}")])
        object.__setattr__(self, "platforms", FrozenDict(self.platforms))

    @classmethod
    def granted(cls, *, platforms: Mapping[str, State] = _NO_EXCEPTIONS) -> Consent:
        return cls("granted", platforms)

    @classmethod
    def limited(
        cls,
        *,
        country: str | None = None,
        state: str | None = None,
        platforms: Mapping[str, State] = _NO_EXCEPTIONS,
    ) -> Consent:
        return cls("limited", platforms, country, state)

    @classmethod
    def denied(cls, *, platforms: Mapping[str, State] = _NO_EXCEPTIONS) -> Consent:
        return cls("denied", platforms)

    @classmethod
    def pending(cls, *, platforms: Mapping[str, State] = _NO_EXCEPTIONS) -> Consent:
        return cls("pending", platforms)

    def without(self, platform: str) -> Consent:
        """The same consent with one platform denied."""
        return replace(self, platforms={**self.platforms, platform: "denied"})

    def at_most(self, state: State) -> Consent:
        """The same consent, nowhere more than `state`: denied, pending, limited, granted is the order."""
        lowered = {name: lower(one, state) for name, one in self.platforms.items()}
        return replace(self, default=lower(self.default, state), platforms=lowered)

    def to_record(self) -> dict[str, Any]:
        """Plain data to be stored; `from_record` is its inverse."""
        record: dict[str, Any] = {"default": self.default}
        if self.platforms:
            record["platforms"] = dict(self.platforms)
        if self.country:
            record["country"] = self.country
        if self.state:
            record["state"] = self.state
        if self.who:
            record["who"] = self.who
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Consent:
        plain = _PLAIN.get(record["default"]) if len(record) == 1 else None  # as nearly always
        return plain or cls(**record)


def lower(one: State, other: State) -> State:
    """The one of two that allows less."""
    return one if _RISING.index(one) <= _RISING.index(other) else other


def refuses_all(states: Iterable[State]) -> bool:
    """Whether somebody with these answers allows nobody anything: where one is still pending, he may allow that yet."""
    return set(states) == {"denied"}


_PLAIN: Mapping[str, Consent] = {state: Consent(state) for state in _RISING}
