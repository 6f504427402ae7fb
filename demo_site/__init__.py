"""Force Four, a shop for kites: what pixeltwin looks like in a Flask application.

`python -m demo_site` serves it together with the sandbox. The events are tracked in `browsing`, `buying` and `joining`;
`tracking` ties pixeltwin to the shop.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, render_template

from . import browsing, buying, consent, database, joining, page, pieces
from .security import protect
from .settings import data_folder, settings
from .tracking import twin

SANDBOX = "http://127.0.0.1:8000/sandbox"


def create_app(config: Mapping[str, Any] | None = None, *, data: Path | None = None, sandbox: str = SANDBOX) -> Flask:
    """The shop. `data` is the folder of its databases, `sandbox` the sandbox's URL; `config` comes last and wins."""
    app = Flask(__name__)
    app.config.update(settings(data or data_folder(os.environ), sandbox=sandbox, environ=os.environ))
    app.config.update(config or {})
    database.create(app.config["SHOP_DATABASE"])
    protect(app, twin.csp_sources)
    twin.init_app(app)
    page.prepare(app)
    for part in (browsing, buying, joining, consent, pieces):
        app.register_blueprint(part.blueprint)
    app.register_error_handler(404, lambda _: (render_template("missing.html"), 404))
    return app
