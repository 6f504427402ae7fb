"""Views whose requests are not the visitor's own: a payment provider's webhook, the shop's own staff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Flask, Request
from flask.views import MethodView, View

from ..errors import ConfigurationError

Marked = TypeVar("Marked", bound="Callable[..., Any] | Blueprint")
_MARK = "pixeltwin_off_page"


def mark(views: Marked) -> Marked:
    """Mark a view: a function, a class of `View` or one of its methods; or all views of a blueprint."""
    if _may_be_marked(views):
        try:
            setattr(views, _MARK, True)
            return views
        except AttributeError:  # as of a method of an object
            pass
    raise ConfigurationError(f"off_page() marks a function, a class of View, its method or a Blueprint, not {views!r}")


def _may_be_marked(views: object) -> bool:
    if isinstance(views, type):
        return issubclass(views, View)
    return isinstance(views, Blueprint) or (callable(views) and not isinstance(views, Flask))


def is_marked(app: Flask, request: Request) -> bool:
    """Whether the request's view is marked, or whatever holds it."""
    endpoint = request.endpoint or ""
    view = app.view_functions.get(endpoint)
    if hasattr(view, _MARK):
        return True
    kind: type[View] | None = getattr(view, "view_class", None)
    if kind is not None and (hasattr(kind, _MARK) or hasattr(_method(kind, request), _MARK)):
        return True
    return "." in endpoint and any(hasattr(app.blueprints.get(name), _MARK) for name in request.blueprints)


def _method(kind: type[View], request: Request) -> Any:
    """What of the class answers this request; a HEAD that it has no method for is a GET, as Flask has it."""
    if not issubclass(kind, MethodView):
        return kind.dispatch_request
    return getattr(kind, request.method.lower(), None) or getattr(kind, "get", None)
