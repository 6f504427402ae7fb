"""Ratios of one run, medians of interleaved rounds: `python -m benchmarks [--rounds N]`.

track    one durable track() for three platforms, against inserting and committing the same bytes by hand
page     a Flask page with head(), idle and with a purchase on it, against the same page without
"""

from __future__ import annotations

import argparse
import logging
import sqlite3
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from flask import Flask, render_template_string

from pixeltwin import Consent, Item, Pinterest, Purchase, Reddit, Snap, Tracker, Visitor
from pixeltwin.flask import PixelTwin

CALLS = 400
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36"
URL = "https://shop.example/thanks"
GRANTED = Consent.granted()


def tracker(folder: Path) -> Tracker:
    platforms = [
        Reddit(pixel_id="a2_shop", access_token="made-up"),
        Snap(pixel_id="3f1a7c52-6a1e-4a5b-9c1d-2b8f4e6d7a90", access_token="made-up"),
        Pinterest(tag_id="2612345678901", ad_account_id="549755885175", access_token="made-up"),
    ]
    return Tracker(platforms, secret_keys=["made-up"], outbox=f"sqlite:///{folder / 'outbox.db'}")


def purchase(order: str) -> Purchase:
    lines = [Item(id="sku-1", name="Mug", category="kitchen", price="29.95", quantity=2)]
    return Purchase(order_id=order, value="59.90", currency="EUR", items=lines)


def visitor() -> Visitor:
    return Visitor(
        email="ada.lovelace@example.com",
        phone="+493012345678",
        external_id="c42",
        ip_address="203.0.113.7",
        user_agent=AGENT,
        click_ids={"reddit": "r1", "snap": "s1"},
    )


class Orders:
    """Order numbers, each once."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self) -> str:
        self._last += 1
        return f"order-{self._last}"


def bare_insert(folder: Path, row: bytes) -> Callable[[], None]:
    """The floor: the bytes of one stored conversion, inserted and committed in WAL mode by nothing but sqlite3."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE floor (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body BLOB)")
    order = Orders()

    def insert() -> None:
        connection.execute("INSERT INTO floor (name, body) VALUES (?, ?)", (order(), row))

    return insert


def pages(folder: Path) -> dict[str, Callable[[], None]]:
    """The same page without pixels, with them, and with a purchase tracked and rendered."""
    app = Flask("shop")
    app.config["PIXELTWIN_WORKER"] = "off"
    app.config["PIXELTWIN_CONSENT"] = "granted"
    ours = tracker(folder)
    twin = PixelTwin(app, tracker=ours)
    body = "<p>" + "words " * 400 + "</p>"
    order = Orders()

    @app.get("/without")
    def without() -> str:
        return render_template_string("<html><head></head><body>" + body + "</body></html>")

    @app.get("/idle")
    def idle() -> str:
        return render_template_string("<html><head>{{ pixeltwin.head() }}</head><body>" + body + "</body></html>")

    @app.get("/purchase")
    def bought() -> str:
        twin.track(purchase(order()), email="ada@example.com")
        return render_template_string("<html><head>{{ pixeltwin.head() }}</head><body>" + body + "</body></html>")

    client = app.test_client()
    client.environ_base["HTTP_USER_AGENT"] = AGENT

    def get(path: str) -> Callable[[], None]:
        return lambda: client.get(path).close()

    return {name: get(f"/{name}") for name in ("without", "idle", "purchase")}


def measured(calls: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Microseconds a call: the median over all rounds, in which the calls take turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            for _ in range(CALLS):
                began = perf_counter()
                call()
                times[name].append(perf_counter() - began)
    return {name: statistics.median(found) * 1e6 for name, found in times.items()}


def table(title: str, found: dict[str, float], base: str) -> None:
    print(f"\n{title}")
    for name, micros in found.items():
        print(f"  {name:<34}{micros:>9.0f} µs{micros / found[base]:>9.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each call takes its turn (400 calls a turn)")
    rounds = parser.parse_args().rounds
    logging.getLogger("pixeltwin").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, order = tracker(folder), Orders()
        first = ours.track(purchase("first"), visitor=visitor(), consent=GRANTED, source_url=URL)
        stored = ours.outbox.get([first.id])[0]
        row = (stored.record or b"") + (stored.visitor or b"")

        def track() -> None:
            ours.track(purchase(order()), visitor=visitor(), consent=GRANTED, source_url=URL)

        calls = {"insert and commit by hand": bare_insert(folder, row), "track(), three platforms": track}
        table("track: event and visitor construction included", measured(calls, rounds), "insert and commit by hand")
        table("page: one request through Flask's test client", measured(pages(folder), rounds), "without")
        ours.close()


if __name__ == "__main__":
    main()
