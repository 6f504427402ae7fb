"""The shop, made for a test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from demo_site import create_app
from tests.demo.storefront import SANDBOX, browser


@pytest.fixture
def make_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Flask]]:
    """Makes the shop, any number of times on the same data, as after a restart; it delivers nothing."""
    for name in [name for name in os.environ if name.startswith("PIXELTWIN_")]:
        monkeypatch.delenv(name)
    made: list[Flask] = []

    def make() -> Flask:
        made.append(create_app({"TESTING": True, "PIXELTWIN_WORKER": "off"}, data=tmp_path / "data", sandbox=SANDBOX))
        return made[-1]

    yield make
    for app in made:
        app.extensions["pixeltwin"].tracker.close()


@pytest.fixture
def shop(make_shop: Callable[[], Flask]) -> Flask:
    return make_shop()


@pytest.fixture
def visitor(shop: Flask) -> FlaskClient:
    return browser(shop)
