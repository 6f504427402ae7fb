"""What Flask's proxies stand for, to be asked more than once: a proxy looks it up for each attribute. Outside a request
asking for it is the proxies' own `RuntimeError`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import flask

the_app: Callable[[], flask.Flask] = cast("Any", flask.current_app)._get_current_object
the_request: Callable[[], flask.Request] = cast("Any", flask.request)._get_current_object
the_globals: Callable[[], Any] = cast("Any", flask.g)._get_current_object
