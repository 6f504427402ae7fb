"""Beside other extensions of Flask, whichever came first."""

from __future__ import annotations

import pytest
from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect  # type: ignore[import-untyped]

from pixeltwin.flask import PixelTwin
from tests.samples import AGENT
from tests.test_flask import SETTINGS

HERE = {"Sec-Fetch-Site": "same-origin", "User-Agent": AGENT}


@pytest.mark.parametrize("order", [(CSRFProtect, PixelTwin), (PixelTwin, CSRFProtect)])
@pytest.mark.parametrize("path", ["page-view", "event", "fired", "visit"])
def test_reports_pass_protection_and_limits(path: str, order: tuple[type, type]) -> None:
    """Flask-WTF lets reports through, which carry no token, and nothing else, whichever joined the application first;
    Flask-Limiter finds a name for each view."""
    app = Flask("shop")
    app.config.update(SETTINGS)
    app.add_url_rule("/buy", "buy", lambda: "", methods=["POST"])
    Limiter(get_remote_address, app=app, default_limits=["2/minute"], storage_uri="memory://")
    for extension in order:
        extension(app)
    client = app.test_client()
    told = [client.post(f"/_pixeltwin/{path}", json={"url": "http://localhost/"}, headers=HERE) for _ in range(3)]
    assert [answer.status_code // 100 for answer in told] == [2, 2, 4]
    assert client.post("/buy").status_code == 400
