"""docs/browser.md is true: its templates render, its view answers, its names and numbers are those of the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flask import Flask, jsonify, render_template_string

from pixeltwin import AddToCart, Item
from pixeltwin.config import OPTIONS, PREFIX
from pixeltwin.flask import PixelTwin
from pixeltwin.flask.endpoints import LARGEST_REPORT
from pixeltwin.flask.templating import HEARD
from pixeltwin.pages.acknowledgement import LIFE as TOKEN_LIFE
from pixeltwin.pages.descriptors import LIFE
from pixeltwin.pages.flood import A_SECOND, AT_ONCE
from tests.pages import Page
from tests.test_flask import SETTINGS

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "browser.md").read_text(encoding="utf-8")
SCRIPT = (ROOT / "sdk" / "pixeltwin" / "static" / "pixeltwin.js").read_text(encoding="utf-8")
ACKNOWLEDGING = (ROOT / "sdk" / "pixeltwin" / "static" / "acknowledge.js").read_text(encoding="utf-8")
BUTTONS, CACHED = re.findall(r"```jinja\n(.*?)```", PAGE, re.DOTALL)
[VIEW] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def app() -> tuple[Flask, PixelTwin]:
    made = Flask("docs")
    made.config.update(SETTINGS)
    return made, PixelTwin(made)


def test_the_templates_render_as_they_are_explained() -> None:
    """The button and the form carry descriptors, and the cached page its script alone."""
    made, _ = app()
    with made.test_request_context("/"):
        button, form = Page(render_template_string(BUTTONS, event=AddToCart())).elements
        [script] = Page(render_template_string(CACHED)).elements
    assert "data-pixeltwin-click" in button.attributes and "data-pixeltwin-submit" in form.attributes
    assert "data-claim" in script.attributes


def test_the_view_of_a_single_page_application_answers_a_descriptor() -> None:
    """What the page's script is given has the event, the pixels' calls and the signature."""
    made, twin = app()
    names: dict[str, Any] = {"app": made, "twin": twin, "jsonify": jsonify, "AddToCart": AddToCart, "Item": Item}
    exec(compile(VIEW, "docs/browser.md", "exec"), names)
    described = made.test_client().get("/describe").get_json()
    assert described["event"] == "AddToCart" and len(described["calls"]) == 3 and described["token"]


def test_every_call_of_the_page_is_one_of_the_script() -> None:
    """Functions, the event and the first-party paths that the page names exist."""
    for name in re.findall(r"pixeltwin\.(\w+)\(", PAGE):
        assert f"twin.{name} = " in SCRIPT or name in ("head", "on"), name
    assert "pixeltwin:conversion" in SCRIPT
    made, _ = app()
    rules = {rule.rule for rule in made.url_map.iter_rules()}
    assert set(re.findall(r"`(/_pixeltwin/[\w.]+)`", PAGE)) <= rules
    for name in HEARD:
        assert f"`{name}`" in PAGE and f"'{name}'" in SCRIPT


def test_numbers_and_settings_are_those_of_the_code() -> None:
    """The life of a descriptor, the limits of reports and the settings stand in the page as they are."""
    assert f"serves for {LIFE.total_seconds() / 3600:g} hours" in PAGE
    pause, looks = re.findall(r"(?:pause|looks) = (\d+)", ACKNOWLEDGING)
    assert int(pause) * int(looks) == 5000 and PAGE.count("five seconds") == 2
    assert f"good for {TOKEN_LIFE.total_seconds() / 3600:g} hours" in PAGE
    assert f"bodies over {LARGEST_REPORT // 1024} KB" in PAGE
    assert f"{AT_ONCE} reports at once and {A_SECOND:g} a" in PAGE
    assert set(re.findall(r"`(PIXELTWIN_\w+)", PAGE)) <= {PREFIX + option.name for option in OPTIONS}
