"""Looking around: the catalogue, a category, what flies today, a product, the search."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request

from pixeltwin import Search, ViewCategory, ViewContent

from . import catalogue
from .cart import CURRENCY
from .kept import for_everybody
from .tracking import item, twin

blueprint = Blueprint("browsing", __name__)


@blueprint.get("/")
def index() -> str:
    shelves = [(category, catalogue.products_in(category)) for category in catalogue.CATEGORIES]
    return render_template("index.html", shelves=shelves)


@blueprint.get("/first-kite")
@for_everybody
def first_kite() -> str:
    """Where advertisements lead: one page for everybody, from a cache."""
    return render_template("first_kite.html", products=catalogue.FIRST_KITES)


@blueprint.get("/c/<slug>")
def category(slug: str) -> str:
    found = catalogue.category_by_slug(slug)
    if found is None:
        abort(404)
    products = catalogue.products_in(found)
    twin.track(ViewCategory(category=found.name, items=[item(product) for product in products]))
    return render_template("category.html", category=found, products=products)


@blueprint.get("/wind/<int:force>")
def wind(force: int) -> str:
    if force >= len(catalogue.BEAUFORT):
        abort(404)
    products = catalogue.products_for(force)
    twin.track(ViewCategory(category=f"Wind force {force}", items=[item(product) for product in products]))
    return render_template("wind.html", force=force, products=products)


@blueprint.get("/p/<slug>")
def product(slug: str) -> str:
    found = catalogue.product_by_slug(slug)
    if found is None:
        abort(404)
    twin.track(ViewContent(items=[item(found)], value=found.price, currency=CURRENCY))
    return render_template("product.html", product=found, companions=catalogue.companions(found))


@blueprint.get("/search")
def search() -> str:
    words = request.args.get("q", "").strip()[:100]
    products = catalogue.search(words)
    if words:
        twin.track(Search(search_string=words, items=[item(product) for product in products]))
    return render_template("search.html", words=words, products=products)
