"""A shop for mugs, as its developer wrote it."""

from __future__ import annotations

import os

from flask import Flask, redirect, render_template_string, request
from werkzeug.wrappers import Response

from pixeltwin import Item, Lead, Purchase
from pixeltwin.flask import PixelTwin

PAGE = "<!doctype html><html><head><title>Mugs</title>{{ pixeltwin.head() }}</head><body>{{ words }}</body></html>"

app = Flask(__name__)
app.config.update(
    SECRET_KEY="a secret of the shop's tests",
    PIXELTWIN_REDDIT_PIXEL_ID="a2_mugs",
    PIXELTWIN_REDDIT_ACCESS_TOKEN="made-up",
    PIXELTWIN_SNAP_PIXEL_ID="7c1d9c1e-0f0e-4b7a-9a51-1f2e3d4c5b6a",
    PIXELTWIN_SNAP_ACCESS_TOKEN="made-up",
)
twin = PixelTwin(app)


@twin.consent_loader
def consent() -> str:
    return "granted" if request.cookies.get("cookies") == "yes" else "denied"


def page(words: str) -> str:
    return render_template_string(PAGE, words=words)


@app.post("/buy")
def buy() -> Response:
    mug = Item(id="mug-1", name="Mug", price="12.50", quantity=2)
    twin.track(Purchase(order_id="1001", value="25.00", currency="EUR", items=[mug]), email="ada@example.com")
    return redirect("/thanks")


@app.get("/thanks")
def thanks() -> str:
    return page("Thank you!")


@app.post("/newsletter")
def newsletter() -> Response:
    # MINT_AT_RENDER is the mistake: each half is tracked for itself, and so each mints an id.
    twin.track(Lead(), email="ada@example.com", browser="MINT_AT_RENDER" not in os.environ)
    return redirect("/subscribed")


@app.get("/subscribed")
def subscribed() -> str:
    if "MINT_AT_RENDER" in os.environ:
        twin.track(Lead(), email="ada@example.com", server=False)
    return page("You are on the list.")
