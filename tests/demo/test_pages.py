"""The pages of the demonstration shop, and what they let a browser do."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from demo_site.catalogue import CATEGORIES, PRODUCTS, products_in, search
from tests.demo.storefront import PAGES, ROOT, Page, all_pages, browser


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers(visitor: FlaskClient, path: str) -> None:
    """Each page is there, and an address that is none says so kindly."""
    answer = visitor.get(path)
    assert answer.status_code == (404 if path == "/nowhere" else 200)
    assert "<h1" in answer.get_data(as_text=True)


@pytest.mark.parametrize("consent", [None, "granted", "denied", "pending"])
def test_html_is_well_formed(shop: Flask, consent: str | None) -> None:
    """Whatever was answered about cookies, each page closes what it opens and has no id twice."""
    for path, text, _ in all_pages(browser(shop, consent)):
        assert not Page(text).faults, path


@pytest.mark.parametrize("consent", [None, "granted", "denied"])
def test_nothing_inline_runs_without_the_nonce(shop: Flask, consent: str | None) -> None:
    """Each response has a nonce of its own, which every script carries, and no inline style or handler."""
    seen: set[str] = set()
    for path, text, headers in all_pages(browser(shop, consent)):
        policy = headers["Content-Security-Policy"]
        found = re.search(r"script-src 'nonce-([\w-]{20,})' 'strict-dynamic'", policy)
        assert found, path
        assert "unsafe" not in policy
        assert found[1] not in seen
        seen.add(found[1])
        page = Page(text)
        scripts = [own for own in page.of("script") if own.get("type") != "application/json"]
        assert scripts
        assert all(own.get("nonce") == found[1] for own in scripts), path
        assert not page.of("style")
        assert not [own for _, own in page.elements if any(name == "style" or name.startswith("on") for name in own)]


def test_even_files_and_redirects_carry_the_policy(visitor: FlaskClient) -> None:
    """The content security policy is on every response, whatever it is."""
    for answer in (visitor.get("/static/theme.css"), visitor.post("/newsletter"), visitor.get("/c/nothing")):
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        answer.close()


@pytest.mark.parametrize("consent", [None, "granted"])
def test_no_page_names_another_host_when_sandboxed(shop: Flask, consent: str | None) -> None:
    """With the sandbox, no page has a URL that leads anywhere else."""
    for path, text, _ in all_pages(browser(shop, consent)):
        elsewhere = [url for url in re.findall(r"(?:https?:)?//[\w-]+[.:][\w.:-]+", text) if "127.0.0.1:9" not in url]
        assert not elsewhere, path


def test_forms_of_other_sites_are_refused(visitor: FlaskClient) -> None:
    """A page of another site can neither fill a cart nor say yes to cookies."""
    data = {"choice": "granted", "next": "/"}
    assert visitor.post("/consent", data=data, headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert visitor.post("/consent", data=data, headers={"Origin": "null"}).status_code == 403
    assert visitor.post("/consent", data=data, headers={"Origin": "http://localhost"}).status_code == 303


def test_catalogue_is_complete() -> None:
    """Every product has a picture, a category that lists it, a price in cents and a wind that exists."""
    art = ROOT / "demo_site" / "templates" / "art"
    assert len({product.sku for product in PRODUCTS}) == len({product.slug for product in PRODUCTS}) == len(PRODUCTS)
    assert sum(len(products_in(category)) for category in CATEGORIES) == len(PRODUCTS)
    for product in PRODUCTS:
        assert (art / f"{product.slug}.svg").is_file()
        assert product.price == product.price.quantize(Decimal("0.01")) > 0
        assert 0 <= product.wind[0] <= product.wind[1] <= 7


@given(st.sampled_from(PRODUCTS), st.sampled_from([str.upper, str.lower, str.title]))
def test_search_finds_a_product_by_its_name(product: Any, spelling: Callable[[str], str]) -> None:
    """A product is among the first found by its own name, in any case."""
    found = search(spelling(product.name))
    assert product in found[:2]


def test_a_search_shows_what_was_searched_for_as_text(visitor: FlaskClient) -> None:
    """What somebody types into the search is shown as it was typed, and never becomes a part of the page."""
    text = visitor.get("/search", query_string={"q": "\"><script>alert('kite')</script>"}).get_data(as_text=True)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
