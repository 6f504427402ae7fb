"""Joining: an account, and the newsletter."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from pixeltwin import Lead, SignUp

from . import forms, people
from .database import connect, shop
from .return_path import return_path
from .tracking import account, twin

blueprint = Blueprint("joining", __name__)


@blueprint.get("/account/new")
def form() -> ResponseReturnValue:
    if account():
        return redirect(url_for("joining.welcome"), 303)
    return _form({}, {})


@blueprint.post("/account/new")
def sign_up() -> ResponseReturnValue:
    entered = forms.entries(request.form, forms.SIGN_UP)
    wrong = forms.problems(entered, forms.SIGN_UP)
    if wrong:
        return _form(entered, wrong), 422
    with connect(shop()) as db:
        made, is_new = people.sign_up(db, **entered)
    session["account"] = made.id  # of an account that was there too: there are no passwords
    if is_new:
        twin.track(SignUp(sign_up_method="email"), key=made.id, email=made.email, external_id=made.id)
    return redirect(url_for("joining.welcome"), 303)


@blueprint.get("/account")
def welcome() -> ResponseReturnValue:
    known = account()
    if known is None:
        return redirect(url_for("joining.form"), 303)
    return render_template("account.html", account=known)


@blueprint.post("/account/leave")
def leave() -> ResponseReturnValue:
    session.pop("account", None)
    return redirect(url_for("browsing.index"), 303)


@blueprint.post("/newsletter")
def newsletter() -> ResponseReturnValue:
    email = request.form.get("email", "").strip()
    if not forms.is_email(email):
        flash("That is no e-mail address we could write to.", "newsletter-wrong")
    else:
        with connect(shop()) as db:
            is_new = people.subscribe(db, email)
        if is_new:
            twin.track(Lead(category="Newsletter"), email=email)
        flash("You are on the list." if is_new else "You were on the list already.", "newsletter")
    return redirect(return_path(request.form.get("next")) + "#newsletter", 303)


def _form(entered: dict[str, str], wrong: dict[str, str]) -> str:
    return render_template("sign_up.html", fields=forms.SIGN_UP, entered=entered, wrong=wrong)
