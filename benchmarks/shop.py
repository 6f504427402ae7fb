"""The shop that is asked for pages, for gunicorn: `benchmarks.shop:app`, set by BENCHMARK_PAGE, _SINK and _FOLDER.

The same page of 24 goods each time: `without` anything, `idle` with `head()`, `purchase` with a sale tracked and shown,
and with the sale sent from the view by an official client.
"""

from __future__ import annotations

import os
from importlib import import_module
from itertools import count
from pathlib import Path

from flask import Flask, render_template
from jinja2 import DictLoader

from pixeltwin.flask import PixelTwin

from . import goods
from .peers import SendMany

PAGE = """<!doctype html>
<html><head><title>Shop</title>{{ head }}</head><body>
{% for card in cards %}
<article><h2>{{ card.name }}</h2><img src="/images/{{ card.id }}.jpg" alt="{{ card.name }}"><p>{{ card.text }}</p>
<a href="/goods/{{ card.id }}">{{ card.price }} EUR</a></article>
{% endfor %}
</body></html>"""
CARDS = [
    {"id": f"sku-{at}", "name": f"Mug No. {at}", "price": f"{at}.95", "text": "It holds what you pour. " * 4}
    for at in range(24)
]
SENDERS = ("meta", "snap")


def make(page: str, sink: str, folder: str) -> Flask:
    app = Flask("shop")
    app.jinja_loader = DictLoader({"with.html": PAGE.replace("head }}", "pixeltwin.head() }}"), "page.html": PAGE})
    sales = count(os.getpid() * 10_000_000)
    if page in SENDERS:
        send: SendMany = import_module(f"benchmarks.peers.{page}").send(sink)

        @app.get("/")
        def sent() -> str:
            send([next(sales)])
            return render_template("page.html", cards=CARDS, head="")

        return app
    if page == "without":

        @app.get("/")
        def without() -> str:
            return render_template("page.html", cards=CARDS, head="")

        return app
    app.config["PIXELTWIN_CONSENT"] = "granted"
    twin = PixelTwin(app, tracker=goods.tracker(sink, goods.sqlite(Path(folder))))

    @app.get("/")
    def shown() -> str:
        if page == "purchase":
            number = next(sales)
            twin.track(goods.purchase(number), email=f"ada.lovelace.{number}@example.com", external_id=f"c{number}")
        return render_template("with.html", cards=CARDS)

    return app


if "BENCHMARK_PAGE" in os.environ:
    app = make(os.environ["BENCHMARK_PAGE"], os.environ["BENCHMARK_SINK"], os.environ["BENCHMARK_FOLDER"])
