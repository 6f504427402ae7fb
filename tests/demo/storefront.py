"""The shop's pages as a test sees them, and what a visitor does there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers

from demo_site.catalogue import PRODUCTS
from tests.samples import AGENT

ROOT = Path(__file__).resolve().parents[2]
SANDBOX = "http://127.0.0.1:9/sandbox"  # nobody listens there
LANDING = "/?rdt_cid=r1&ScCid=s1&epik=p1"
PAGES = ["/", "/c/one-line", "/c/line-and-wind", "/wind/4", "/search", "/search?q=carbon", "/search?q=submarine"]
PAGES += ["/cart", "/account/new", "/nowhere", *(f"/p/{product.slug}" for product in PRODUCTS)]
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
CUSTOMER = {
    "email": "jo@example.com",
    "phone": "030 901820",
    "first_name": "Jo",
    "last_name": "Öz",
    "street": "Deichweg 4",
    "postal_code": "25813",
    "city": "Husum",
    "country": "DE",
    "payment": "card",
}


class Page(HTMLParser):
    """An HTML text, read strictly: every element is closed, in order, and nothing has the same id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.faults: list[str] = []
        self.feed(text)
        self.close()
        self.faults += [f"{tag} is never closed" for tag in self.open]
        ids = Counter(own["id"] for _, own in self.elements if "id" in own)
        self.faults += [f"{count} elements have the id {one}" for one, count in ids.items() if count > 1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if len(dict(attrs)) < len(attrs):
            self.faults.append(f"{tag} has an attribute twice")
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes something else at {self.getpos()}")

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [own for name, own in self.elements if name == tag]


def browser(app: Flask, consent: str | None = None) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_USER_AGENT"] = AGENT
    if consent:
        client.post("/consent", data={"choice": consent, "next": "/"})
    return client


def put_into_cart(client: FlaskClient, sku: str = "F4-ROK-90", quantity: int = 2) -> None:
    assert client.post("/cart/add", data={"sku": sku, "quantity": quantity}).status_code == 303


def buy(client: FlaskClient) -> str:
    """Order what is in the cart; the path of the thank-you page."""
    answer = client.post("/checkout", data=CUSTOMER)
    assert answer.status_code == 303
    return answer.headers["Location"]


def all_pages(client: FlaskClient) -> Iterator[tuple[str, str, Headers]]:
    """Every page of the shop, a purchase included: path, text and headers."""

    def page(path: str, **options: Any) -> tuple[str, str, Headers]:
        answer = client.open(path, **options)
        return path, answer.get_data(as_text=True), answer.headers

    for path in PAGES:
        yield page(path)
    put_into_cart(client)
    yield page("/cart")
    yield page("/checkout")
    yield page("/checkout", method="POST", data={})
    yield page(buy(client))
    yield page("/account/new", method="POST", data={"first_name": ""})
    client.post("/account/new", data={"first_name": "Jo", "email": "jo@example.com"})
    client.post("/newsletter", data={"email": "jo@example.com", "next": "/account"})
    yield page("/account")


def events(text: str) -> list[str]:
    """The conversions in a page's drawer."""
    listed = text.partition('class="drawer-list"')[2]
    return re.findall(r"<li><b>(\w+)</b>", listed)
