"""Who did it, and the attribution signals seen: normalising and hashing, each platform with its own rule.

A `Visitor` is what the caller knows, as he knows it. Before anything rests it is sealed: every platform's rules are
applied, and what is left are digests and the few raw signals the platforms ask for. A platform reads both forms alike,
through `values(field, rule)`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from .errors import InvalidInput
from .fields import Frozen
from .frozen import FrozenDict
from .normalising.phones import e164

_HASHED = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Rule:
    """How one platform wants one field. `key` names the rule in stored rows: another rule, another key.

    `normalise` gives the normal form, or None for a value that cannot be one (it is then left out, never hashed).
    `source` is the visitor's field, where a platform's table makes two entries of one (IDFA and AAID of a mobile ad
    id); the field has the entry's own name otherwise.
    """

    key: str
    normalise: Callable[[str], str | None]
    hashed: bool = True
    source: str = ""

    def place(self, field: str) -> str:
        """The key under which a sealed visitor keeps what this rule made of a field."""
        return f"{field}/{self.key}"

    def apply(self, value: str) -> str | None:
        """What goes on the wire for one value. 64 hex digits count as hashed already where the rule hashes."""
        if not self.hashed:
            return self.normalise(value) or None
        if len(value) == 64 and _HASHED.fullmatch(value):
            return value.lower()
        normal = self.normalise(value)
        return hashlib.sha256(normal.encode()).hexdigest() if normal else None

    def outcome(self, given: Sequence[str]) -> tuple[str, ...]:
        """What goes on the wire for the values of a field: in the order given, none twice."""
        if len(given) == 1:  # as nearly always
            only = self.apply(given[0])
            return (only,) if only else ()
        return tuple(dict.fromkeys([wire for value in given if (wire := self.apply(value)) is not None]))


def sha256(text: str) -> str:
    """Lower-case hex SHA-256 of the UTF-8 bytes: the form all three platforms ask for."""
    return hashlib.sha256(text.encode()).hexdigest()


def _identity(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):  # what it is nearly always
        only = value.strip()
        return (only,) if only else ()
    if value is None:
        return ()
    many: Iterable[Any] = value
    if not isinstance(many, (list, tuple, set, frozenset)):
        many = [value]
    texts: list[str] = []
    for one in many:
        if isinstance(one, bool) or not isinstance(one, (str, int, date)):
            raise ValueError("give text, or a list of texts")
        text = one.strip() if isinstance(one, str) else one.isoformat() if isinstance(one, date) else str(one)
        if text:
            texts.append(text)
    return tuple(dict.fromkeys(texts))


def _signals(value: Any) -> FrozenDict[str]:
    given: Mapping[Any, Any] = value
    if not isinstance(given, Mapping):
        raise ValueError("give a mapping of platform name to value")
    return FrozenDict({str(name): str(one) for name, one in given.items() if one})


if TYPE_CHECKING:

    class Identity:
        def __get__(self, instance: object, owner: Any = None) -> tuple[str, ...]: ...
        def __set__(self, instance: object, value: str | int | date | Sequence[str] | None) -> None: ...

    class Signals:
        def __get__(self, instance: object, owner: Any = None) -> Mapping[str, str]: ...
        def __set__(self, instance: object, value: Mapping[str, str]) -> None: ...
else:
    Identity = Annotated[tuple[str, ...], BeforeValidator(_identity)]
    Signals = Annotated[FrozenDict, BeforeValidator(_signals)]

_NOBODY: Any = ()
_NO_SIGNALS: Any = FrozenDict[str]()
_Pixels = Annotated[int, Field(gt=0, lt=32768)]


class Visitor(Frozen):
    """A person and the signals of his browser. Identity fields take one value or a list; 64 hex digits are a digest
    already and pass through. Nothing of it is shown by `repr`.

    `phone_region` (ISO 3166-1, "DE") is where a phone number without a country code is from; without it such a number
    is left out. `screen` is (width, height) in pixels. `click_ids` and `browser_ids` are by platform name.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    email: Identity = Field(default=_NOBODY)
    phone: Identity = Field(default=_NOBODY)
    external_id: Identity = Field(default=_NOBODY)
    first_name: Identity = Field(default=_NOBODY)
    last_name: Identity = Field(default=_NOBODY)
    gender: Identity = Field(default=_NOBODY)
    date_of_birth: Identity = Field(default=_NOBODY)
    city: Identity = Field(default=_NOBODY)
    state: Identity = Field(default=_NOBODY)
    postal_code: Identity = Field(default=_NOBODY)
    country: Identity = Field(default=_NOBODY)
    ip_address: Identity = Field(default=_NOBODY)
    mobile_ad_id: Identity = Field(default=_NOBODY)
    idfv: Identity = Field(default=_NOBODY)
    user_agent: str | None = None
    screen: tuple[_Pixels, _Pixels] | None = None
    click_ids: Signals = Field(default=_NO_SIGNALS)
    browser_ids: Signals = Field(default=_NO_SIGNALS)
    phone_region: str | None = None

    def __repr__(self) -> str:
        return f"Visitor({', '.join(sorted(field for field, value in self.__dict__.items() if value))})"

    __str__ = __repr__

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """What rich and other pretty printers show: no more than `repr`."""
        return [(None, field) for field, value in self.__dict__.items() if value]

    def given(self, field: str) -> tuple[str, ...]:
        """The values of an identity field as they came; phones as E.164 where that can be known."""
        if field not in _IS_IDENTITY:
            raise InvalidInput("Visitor", [(field, f"is no identity field; those are {', '.join(IDENTITY_FIELDS)}")])
        values: tuple[str, ...] = self.__dict__[field]
        if field == "phone" and values:
            found = [one if _HASHED.fullmatch(one) else e164(one, self.phone_region) for one in values]
            return tuple([one for one in found if one])
        return values

    @property
    def given_fields(self) -> frozenset[str]:
        """The identity fields that the caller gave."""
        own = self.__dict__
        return frozenset([field for field in IDENTITY_FIELDS if own[field]])

    def has(self, field: str) -> bool:
        """Whether the caller gave this identity field at all."""
        return bool(self.__dict__[field])

    def values(self, field: str, rule: Rule) -> tuple[str, ...]:
        """What `rule` makes of an identity field: digests or normal forms, in the order given, none twice."""
        if not self.__dict__[field]:
            return ()
        return rule.outcome(self.given(field))

    def seal(self, rules: Mapping[str, Iterable[Rule]]) -> SealedVisitor:
        """This visitor as it may rest: the outcome of every rule, and the raw signals; the identity itself is gone."""
        own = self.__dict__
        known = [field for field in rules if own[field]]
        sealed: dict[str, tuple[str, ...]] = {}
        plain = True
        for field in known:
            given = self.given(field) if field == "phone" else own[field]
            for rule in rules[field]:
                found = rule.outcome(given)
                if found:
                    sealed[f"{field}/{rule.key}"] = found
                if len(found) != 1:
                    plain = False
        return SealedVisitor(
            FrozenDict(sealed),
            own["user_agent"],
            own["screen"],
            own["click_ids"],
            own["browser_ids"],
            frozenset(known),
            plain,
        )


VISITOR_FIELDS: tuple[str, ...] = tuple(name for name in Visitor.model_fields if name != "phone_region")
IDENTITY_FIELDS: tuple[str, ...] = tuple(
    name for name in VISITOR_FIELDS if name not in ("user_agent", "screen", "click_ids", "browser_ids")
)
_IS_IDENTITY = frozenset(IDENTITY_FIELDS)
NOBODY = Visitor.model_construct()  # equal to Visitor(), which an import would have to build the checks for


@dataclass(frozen=True, repr=False)  # without slots, so that one is put back by a single assignment
class SealedVisitor:
    """A visitor without identity: what each rule made of it, and the raw signals. This is what a row holds."""

    sealed: Mapping[str, tuple[str, ...]]
    user_agent: str | None = None
    screen: tuple[int, int] | None = None
    click_ids: Mapping[str, str] = dataclasses.field(default_factory=lambda: _NO_SIGNALS)
    browser_ids: Mapping[str, str] = dataclasses.field(default_factory=lambda: _NO_SIGNALS)
    fields: frozenset[str] | None = dataclasses.field(default=None, compare=False)  # which were given, where known
    plain: bool = dataclasses.field(default=False, compare=False)  # known that each rule made one value of each of them

    def __repr__(self) -> str:
        return f"SealedVisitor({', '.join(sorted(self.sealed))})"

    def values(self, field: str, rule: Rule) -> tuple[str, ...]:
        return self.sealed.get(rule.place(field), ())

    @property
    def given_fields(self) -> frozenset[str]:
        """The identity fields that the caller gave; of a stored visitor, those of which anything was usable."""
        if self.fields is not None:
            return self.fields
        return frozenset([key.partition("/")[0] for key in self.sealed])

    def has(self, field: str) -> bool:
        """Whether `field` is one of them."""
        return field in self.given_fields

    def seal(self, rules: Mapping[str, Iterable[Rule]]) -> SealedVisitor:
        """Itself: it is sealed already."""
        return self

    def filled_from(self, other: SealedVisitor) -> SealedVisitor:
        """This visitor with what it lacks taken from `other`; what it has stays as it is."""
        return SealedVisitor(
            FrozenDict({**other.sealed, **self.sealed}),
            self.user_agent or other.user_agent,
            self.screen or other.screen,
            FrozenDict({**other.click_ids, **self.click_ids}),
            FrozenDict({**other.browser_ids, **self.browser_ids}),
            self.given_fields | other.given_fields,
        )

    def to_record(self) -> dict[str, Any]:
        """Plain data to be stored; `from_record` is its inverse."""
        record: dict[str, Any] = {"sealed": dict(self.sealed)}
        if self.user_agent:
            record["user_agent"] = self.user_agent
        if self.screen:
            record["screen"] = list(self.screen)
        if self.click_ids:
            record["click_ids"] = dict(self.click_ids)
        if self.browser_ids:
            record["browser_ids"] = dict(self.browser_ids)
        return record

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> SealedVisitor:
        screen = record.get("screen")
        sealed: Mapping[str, list[str]] = record.get("sealed", {})
        own = {
            "sealed": FrozenDict({place: tuple(found) for place, found in sealed.items()}),
            "user_agent": record.get("user_agent"),
            "screen": (screen[0], screen[1]) if screen else None,
            "click_ids": FrozenDict(record["click_ids"]) if "click_ids" in record else _NO_SIGNALS,
            "browser_ids": FrozenDict(record["browser_ids"]) if "browser_ids" in record else _NO_SIGNALS,
            "fields": None,
            "plain": False,
        }
        found = object.__new__(cls)
        object.__setattr__(found, "__dict__", own)
        return found


AnyVisitor = Visitor | SealedVisitor


def collected_rules(tables: Iterable[Mapping[str, Rule]]) -> Mapping[str, tuple[Rule, ...]]:
    """Every rule of these platforms' tables, by field, none twice: what a visitor is sealed with."""
    rules: dict[str, dict[str, Rule]] = {}
    for table in tables:
        for name, rule in table.items():
            rules.setdefault(rule.source or name, {})[rule.key] = rule
    return {name: tuple(found.values()) for name, found in rules.items()}
