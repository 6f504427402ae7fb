"""The public surface: what `pixeltwin` exports, and that importing it costs little."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import pixeltwin

PLATFORMS = ("Reddit", "Snap", "Pinterest")
PEOPLE = ("Tracker", "Conversion", "Visitor", "Consent", "Item", "Travel", "App", "Device")
EVENTS = (
    *("PageView", "ViewContent", "ViewCategory", "Search", "AddToCart", "AddToWishlist", "StartCheckout"),
    *("AddPaymentInfo", "Purchase", "Refund", "Lead", "SignUp", "Subscribe", "StartTrial", "WatchVideo"),
    "CustomEvent",
)
SOURCE = Path(pixeltwin.__file__)


def test_the_public_names_are_these_and_no_others() -> None:
    """What the documentation imports is exported, sorted, and nothing else is: a new name is a decision."""
    assert pixeltwin.__all__ == sorted([*PLATFORMS, *PEOPLE, *EVENTS])


@pytest.mark.parametrize("name", pixeltwin.__all__)
def test_every_public_name_can_be_imported_and_explains_itself(name: str) -> None:
    """Each exported class has a docstring, and the type checkers' `__all__` is the interpreter's."""
    exported = getattr(import_module("pixeltwin"), name)
    assert exported.__name__ == name
    assert exported.__module__.startswith("pixeltwin.")
    assert exported.__doc__


def test_the_package_brings_its_types() -> None:
    """Type checkers read the annotations of an installed pixeltwin."""
    assert (SOURCE.parent / "py.typed").is_file()


def test_the_flow_is_told_where_everybody_looks_first() -> None:
    """The package's docstring shows the way of a conversion, by the modules that are its steps."""
    told = ast.get_docstring(ast.parse(SOURCE.read_text(encoding="utf-8"))) or ""
    assert "event → conversion (id) → consent → platforms/* → snippet (browser half) | outbox → delivery" in told
    for module in (
        "events",
        "conversion",
        "visitor",
        "consent",
        "contract",
        "snippet",
        "outbox",
        "delivery",
        "tracker",
    ):
        assert module in told
        import_module(f"pixeltwin.{module}")


def loaded_after(statements: str) -> set[str]:
    """The modules that are loaded once a fresh interpreter has run these statements."""
    code = f"import sys\n{statements}\nprint(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(found.stdout.split())


def test_importing_the_package_loads_no_framework() -> None:
    """A worker, a webhook or a test that imports pixeltwin pays for no web framework, HTTP client or sandbox."""
    loaded = loaded_after("import pixeltwin")
    heavy = {"flask", "werkzeug", "click", "httpx", "httpcore", "rich", "phonenumbers", "sqlite3", "psycopg"}
    assert not loaded & heavy
    assert not {name for name in loaded if name.startswith(("pixeltwin.sandbox", "pixeltwin.cli", "pixeltwin.flask"))}


def test_tracking_and_rendering_load_no_http_client() -> None:
    """A process that tracks and renders, and leaves delivery to the worker, never loads the HTTP client."""
    loaded = loaded_after(
        "from datetime import datetime, timezone\n"
        "from pixeltwin import Consent, Purchase, Reddit, Tracker, Visitor\n"
        "tracker = Tracker([Reddit(pixel_id='a2_shop', access_token='t0ken')], secret_keys=['key'], outbox='memory:')\n"
        "bought = tracker.track(Purchase(order_id=1, value=5, currency='EUR'),\n"
        "    visitor=Visitor(email='ada@example.com'), consent=Consent.granted())\n"
        "assert bought.stored and tracker.snippet([bought], consent=Consent.granted())"
    )
    assert not loaded & {"httpx", "flask", "pixeltwin.delivery"}


def test_importing_the_flask_extension_loads_what_every_site_needs_and_no_more() -> None:
    """A site waits for no banner that it has not, nor for what answers are made of; and no model is built yet."""
    loaded = loaded_after(
        "from pixeltwin import Purchase, Visitor\n"
        "from pixeltwin.flask import PixelTwin\n"
        "assert not Visitor.__pydantic_complete__ and not Purchase.__pydantic_complete__"
    )
    assert not loaded & {"pixeltwin.dedup", "pixeltwin.outcomes", "pixeltwin.probing", "pixeltwin.replies"}
    assert not loaded & {f"pixeltwin.consent_sources.{name}" for name in ("cookiebot", "onetrust", "tcf")}


@pytest.mark.parametrize("name", ["Delivered", "Half", "Misconfigured", "Outcome", "Probe", "Probed", "Verdict"])
def test_the_contract_offers_what_it_does_not_import(name: str) -> None:
    """What an answer is made of is found in the contract, as all else is; what is not there is an error."""
    contract = import_module("pixeltwin.contract")
    assert getattr(contract, name)
    with pytest.raises(AttributeError, match="has no attribute 'Delivred'"):
        _ = contract.Delivred
