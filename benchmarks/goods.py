"""The shop whose sales are tracked: the same purchase in every case, by another visitor each time."""

from __future__ import annotations

from pathlib import Path

from pixeltwin import Consent, Conversion, Item, Pinterest, Purchase, Reddit, Snap, Tracker, Visitor
from pixeltwin.contract import Platform

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
URL = "https://shop.example/thanks"
GRANTED = Consent.granted()
SNAP_PIXEL = "3f1a7c52-6a1e-4a5b-9c1d-2b8f4e6d7a90"
PLATFORMS = 3


class EagerReddit(Reddit):
    rate = 1e6


class EagerSnap(Snap):
    rate = 1e6


class EagerPinterest(Pinterest):
    rate = 1e6


def platforms(sink: str, *, eager: bool = False) -> list[Platform]:
    """The three platforms, played by a sink. `eager` lifts the rates that the platforms ask for: ten requests a second
    are no measure of a machine."""
    reddit, snap, pinterest = (EagerReddit, EagerSnap, EagerPinterest) if eager else (Reddit, Snap, Pinterest)
    return [
        reddit(pixel_id="a2_shop", access_token="made-up", api_url=f"{sink}/reddit/api/v3"),
        snap(pixel_id=SNAP_PIXEL, access_token="made-up", api_url=f"{sink}/snap"),
        pinterest(
            tag_id="2612345678901",
            ad_account_id="549755885175",
            access_token="made-up",
            api_url=f"{sink}/pinterest/v5",
        ),
    ]


def sqlite(folder: Path) -> str:
    """The URL of an outbox in this folder."""
    return f"sqlite:///{folder / 'outbox.db'}"


def tracker(sink: str, outbox: str, *, eager: bool = False) -> Tracker:
    """On these platforms. The queue may be longer than it commonly is: a million waiting is what is measured."""
    return Tracker(platforms(sink, eager=eager), secret_keys=["made-up"], outbox=outbox, outbox_bound=10_000_000)


def purchase(number: int) -> Purchase:
    lines = [
        Item(id="sku-1", name="Mug", category="kitchen", price="29.95", quantity=2),
        Item(id="sku-2", name="Teapot", category="kitchen", price="40.10", quantity=1),
    ]
    return Purchase(order_id=f"bench-{number}", value="100.00", currency="EUR", items=lines)


def visitor(number: int) -> Visitor:
    """Somebody new each time, so that nothing that was hashed before serves again."""
    return Visitor(
        email=f"ada.lovelace.{number}@example.com",
        phone=f"+49301{number % 10_000_000:07d}",
        external_id=f"c{number}",
        ip_address=f"203.0.{number >> 8 & 255}.{number & 255}",
        user_agent=AGENT,
        click_ids={"reddit": f"r{number}", "snap": f"s{number}"},
    )


def track(ours: Tracker, number: int) -> Conversion:
    """One sale. A conversion that was not stored ends the measurement: its time would be that of an error."""
    sold = ours.track(purchase(number), visitor=visitor(number), consent=GRANTED, source_url=URL)
    if not sold.stored:
        raise RuntimeError(f"sale {number} was not stored: {ours.losses.snapshot()}")
    return sold
