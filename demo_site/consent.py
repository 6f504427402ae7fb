"""The visitor's choice about cookies: one cookie of the shop, read by pixeltwin for both halves.

`granted`: all of it. `denied`: only what the shop needs. `pending`: "ask me later", and so is not having answered yet:
what happens meanwhile is held, and nothing is sent or shown to anybody.
"""

from __future__ import annotations

from flask import Blueprint, abort, g, redirect, request
from werkzeug.wrappers import Response

from pixeltwin import Consent

from . import pieces
from .return_path import return_path

COOKIE = "shop_consent"
HALF_A_YEAR = 182 * 24 * 3600  # seconds
CHOICES = ("granted", "denied", "pending")

blueprint = Blueprint("consent", __name__)


def choice() -> str | None:
    """What the visitor answered; None when nobody has asked yet."""
    given = g.get("shop_consent") or request.cookies.get(COOKIE)
    return given if given in CHOICES else None


def current() -> Consent:
    """The choice as pixeltwin takes it."""
    match choice():
        case "granted":
            return Consent.granted()
        case "denied":
            return Consent.denied()
        case _:
            return Consent.pending()


@blueprint.post("/consent")
def choose() -> Response:
    """Keep the answer and go back to the same URL, query and all: a landing page has its click ids there. A page that
    asked for pieces stays as it is, hears that it was answered, and asks what may be told now."""
    answer = request.form.get("choice", "")
    if answer not in CHOICES:
        abort(400)
    g.shop_consent = answer
    response: Response
    if pieces.wanted():
        response = pieces.answer()
        response.headers["HX-Trigger"] = "shop:answered"
    else:
        response = redirect(return_path(request.form.get("next")), 303)
    keep(response, answer)
    return response


def keep(response: Response, answer: str) -> None:
    """Half a year; "ask me later" only until the browser is closed."""
    age = None if answer == "pending" else HALF_A_YEAR
    response.set_cookie(COOKIE, answer, max_age=age, httponly=True, samesite="Lax", secure=request.is_secure)
