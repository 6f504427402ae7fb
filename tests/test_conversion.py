"""The conversion and its one id: derived alike everywhere, guessed by nobody, the same after a rest in the store."""

from __future__ import annotations

import hashlib
import hmac
import json
import pickle
import re
from dataclasses import FrozenInstanceError
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import App, Consent, Conversion, CustomEvent, PageView, Purchase, Visitor
from pixeltwin.conversion import checked_id, checked_time, conversion_from_record, derive_id, issue_id
from pixeltwin.errors import InvalidInput
from pixeltwin.events import Event
from pixeltwin.rows import personal
from pixeltwin.strictjson import decode, encode
from pixeltwin.visitor import SealedVisitor
from tests.samples import KEY, NOW, purchase
from tests.strategies import conversions, words

HEX_64 = re.compile(r"[0-9a-f]{64}")
QUIZ = CustomEvent(name='Prüfung "fertig"')


def by_the_book(key: str, site: str, kind: str, custom: str, natural: str) -> str:
    """HMAC-SHA256 over the compact UTF-8 JSON ["v1", site, event type, custom name or "", natural key]."""
    message = "[" + ",".join(json.dumps(part, ensure_ascii=False) for part in ("v1", site, kind, custom, natural)) + "]"
    return hmac.new(key.encode("utf-8"), message.encode("utf-8"), hashlib.sha256).hexdigest()


# --- ids -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "site", "event", "natural", "expected"),
    [
        (KEY, "shop", purchase(), "1001", "25f4340c7c0acbfed8f72c212c8ad784cbd9897cac165ba77f5c2d2a7180b14d"),
        (
            "Schlüssel",
            "kiosk",
            QUIZ,
            "Bestellung-Ä☃",
            "82fb43583c6c9cdb0d20ef079d54ca3b040332fbe60f1afca3d0082311100638",
        ),
    ],
    ids=["ascii", "beyond ascii"],
)
def test_a_derived_id_is_the_published_one(key: str, site: str, event: Event, natural: str, expected: str) -> None:
    """These ids are fixed for ever: another version or another language derives the same from the same order."""
    assert derive_id(key, site=site, event=event, natural_key=natural) == expected
    assert by_the_book(key, site, event.type, event.custom_name, natural) == expected


@given(words, words, words, st.sampled_from([purchase(), QUIZ, PageView()]), st.sampled_from(["", " ", "\t\u3000\n"]))
def test_an_id_is_derived_from_the_trimmed_key(key: str, site: str, natural: str, event: Event, blank: str) -> None:
    """Blanks around an order id make no other conversion; the id is always 64 lower-case hex characters."""
    found = derive_id(key, site=site, event=event, natural_key=f"{blank}{natural}{blank}")
    assert found == by_the_book(key, site, event.type, event.custom_name, natural.strip())
    assert HEX_64.fullmatch(found)


def test_every_part_of_a_conversion_makes_another_id() -> None:
    """Another key, site, event, custom name or order is another id, wherever one part ends and the next begins."""
    ids = [
        derive_id(key, site=site, event=event, natural_key=natural)
        for key in ("k1", "k2")
        for site in ("", "shop", 'shop","Purchase')
        for event in (purchase(), PageView(), CustomEvent(name="a"), CustomEvent(name="b"))
        for natural in ("1", "2", '","1', "é", "e\u0301")
    ]
    assert len(set(ids)) == len(ids)


def test_an_issued_id_is_random() -> None:
    """Without a natural key an id is 32 random bytes in hex, which nobody can guess and no two events share."""
    ids = {issue_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(HEX_64.fullmatch(one) for one in ids)


@given(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=256))
def test_an_id_the_caller_gives_is_used_as_it_is(own: str) -> None:
    """1 to 256 printable characters are an id: nothing is trimmed, lowered or hashed."""
    assert Conversion(event=purchase(), id=own, occurred_at=NOW).id == own == checked_id(own)


def test_an_id_may_have_blanks_inside() -> None:
    """Only blanks at the ends are refused, for a platform might trim them away."""
    assert checked_id("order 1001") == "order 1001"


@pytest.mark.parametrize(
    "wrong", ["", " ", " a", "a ", "a\n", "a\tb", "a\u00a0", "a\x00b", "\ud800", "x" * 257, 5, None, b"a"]
)
def test_what_cannot_be_an_id_is_refused(wrong: Any) -> None:
    """An id that would not reach all platforms as the same text is an error that says what one is."""
    with pytest.raises(InvalidInput) as refused:
        Conversion(event=purchase(), id=wrong, occurred_at=NOW)
    assert refused.value.problems == (("id", "give 1 to 256 printable characters without blanks at the ends"),)


# --- time ----------------------------------------------------------------------------------------------------------

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.builds(
    lambda since, zone: (NOW + timedelta(microseconds=since)).astimezone(zone), st.integers(-(10**15), 10**15), zones
)


class NoOffset(tzinfo):
    """A zone that does not know its offset: a time with it is still a naive one."""

    def utcoffset(self, when: datetime | None) -> None:
        return None

    dst = utcoffset

    def tzname(self, when: datetime | None) -> str:
        return "nowhere"


@given(times)
def test_a_time_is_kept_in_utc(when: datetime) -> None:
    """Whatever the zone, the moment is the same, in UTC."""
    kept = Conversion(event=purchase(), id="1", occurred_at=when).occurred_at
    assert kept == when
    assert kept.tzinfo is timezone.utc


@pytest.mark.parametrize(
    "wrong", [NOW.replace(tzinfo=None), NOW.replace(tzinfo=NoOffset()), date(2026, 8, 20), 1.5, None]
)
def test_a_time_without_a_zone_is_refused(wrong: Any) -> None:
    """A naive time could be any hour of the day, so it is an error with advice on how to make a good one."""
    with pytest.raises(InvalidInput, match=re.escape("datetime.now(timezone.utc)")):
        Conversion(event=purchase(), id="1", occurred_at=wrong)


@given(st.integers(-(10**9), 3600), zones)
def test_a_clock_up_to_five_minutes_ahead_is_taken_as_now(seconds: int, zone: timezone) -> None:
    """Clocks differ: a little ahead is now, more is an error, and the past stays as it was."""
    when = (NOW + timedelta(seconds=seconds)).astimezone(zone)
    if seconds > 300:
        with pytest.raises(InvalidInput, match="lies in the future"):
            checked_time(when, NOW)
    else:
        assert checked_time(when, NOW) == min(when, NOW)


# --- the conversion ------------------------------------------------------------------------------------------------

apps = st.builds(
    App,
    platform=st.sampled_from(["ios", "android"]),
    id=st.sampled_from(["1234567", "com.example.shop"]),
    version=st.none() | st.just("2.1"),
)


@given(
    conversions(),
    times,
    st.fixed_dictionaries(
        {},
        optional={
            "action_source": st.sampled_from(["web", "app", "offline"]),
            "app": apps,
            "key": words,
            "platforms": st.lists(st.sampled_from(["reddit", "snap"]), max_size=2).map(tuple),
            "browser": st.booleans(),
            "server": st.booleans(),
        },
    ),
)
def test_a_conversion_comes_back_from_the_store_as_it_went(
    made: Conversion, when: datetime, more: dict[str, Any]
) -> None:
    """What is read from a row is the conversion that was put there, its time to the millisecond."""
    when = when.replace(microsecond=when.microsecond // 1000 * 1000)
    sealed = SealedVisitor({}, "agent", (1920, 1080), {"reddit": "r1"}, {})
    parts = {field: getattr(made, field) for field in ("event", "id", "source_url", "consent")}
    put = Conversion(**parts, occurred_at=when, visitor=sealed, **more)
    back = conversion_from_record(decode(encode(put.to_record())), decode(personal(put)))
    assert back == put
    assert (back.created, back.stored) == (False, True)
    assert encode(back.to_record()) == encode(put.to_record())


def test_the_stored_record_knows_nothing_of_the_visitor() -> None:
    """A person's data and the page he was on lie apart from the conversion, so that they can be erased on delivery."""
    visitor = Visitor(email="ada@example.com", ip_address="203.0.113.7", user_agent="agent")
    put = Conversion(event=purchase(), id="1", occurred_at=NOW, visitor=visitor, source_url="https://shop.example/ada")
    assert not any(word in encode(put.to_record()) for word in (b"ada", b"203.0", b"agent", b"shop.example"))
    back = conversion_from_record(put.to_record(), None)
    assert (back.visitor, back.source_url) == (SealedVisitor({}), None)


def test_a_conversion_is_frozen() -> None:
    """Both halves are derived from one object that nobody can change in between."""
    put = Conversion(event=purchase(), id="1", occurred_at=NOW)
    with pytest.raises(FrozenInstanceError):
        put.id = "2"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(put)) == put
    assert hash(pickle.loads(pickle.dumps(put))) == hash(put)


@pytest.mark.parametrize("field", ["event", "action_source"])
def test_a_conversion_of_something_else_is_refused(field: Literal["event", "action_source"]) -> None:
    """Only an event can be converted, and it happened on the web, in an app or offline."""
    good: dict[str, Any] = {"event": purchase(), "id": "1", "occurred_at": NOW, "consent": Consent.granted()}
    with pytest.raises(InvalidInput, match=f"Conversion: {field}: give "):
        Conversion(**{**good, field: Purchase})


@pytest.mark.parametrize(
    "wrong", [{"platform": "web", "id": "1"}, {"platform": "ios", "id": " "}, {"platform": "ios", "id": 5}]
)
def test_an_app_says_which_store_knows_it(wrong: Any) -> None:
    """An app without its store's id, or of no store, is an error at the call that made it."""
    with pytest.raises(InvalidInput, match=r"App: (platform|id): give "):
        App(**wrong)
