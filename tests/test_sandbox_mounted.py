"""PIXELTWIN_SANDBOX=1: an application in development has a sandbox of its own, and nothing else changes."""

from __future__ import annotations

import gc
import json
import logging
import re
import threading
import time
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from flask import Flask, redirect, render_template_string
from werkzeug.middleware.proxy_fix import ProxyFix

from pixeltwin import Purchase
from pixeltwin.config import Settings
from pixeltwin.errors import ConfigurationError
from pixeltwin.flask import PixelTwin
from pixeltwin.sandbox import create_sandbox
from tests.samples import AGENT
from tests.sandboxed import KINDS, Callers, Visitors
from tests.test_flask import SETTINGS

MOUNT = "/_pixeltwin/sandbox"
PATIENCE = 10.0  # seconds
PAGE = "<html><head>{{ pixeltwin.head() }}</head><body>Thanks</body></html>"


def shop(**settings: Any) -> Flask:
    app = Flask("shop")
    app.config.update({**SETTINGS, "PIXELTWIN_SANDBOX": "1", **settings})
    twin = PixelTwin(app)

    @app.get("/buy")
    def buy() -> Any:
        twin.track(Purchase(order_id="1001", value="59.90", currency="EUR"), email="ada@example.com")
        return redirect("/thanks")

    @app.get("/thanks")
    def thanks() -> str:
        return render_template_string(PAGE)

    return app


def buy(app: Flask) -> str:
    """What the visitor gets to see after his purchase."""
    answer = app.test_client().get("/buy", follow_redirects=True, headers={"User-Agent": AGENT})
    return answer.get_data(as_text=True)


def clock(base: str) -> Any:
    with urlopen(f"{base}/api/clock", timeout=5) as answer:
        return json.load(answer)


def answers(base: str) -> bool:
    """Whether the port still answers, after some patience."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            clock(base)
        except OSError:
            return False
    return True


def serving() -> set[threading.Thread]:
    """The threads that serve a sandbox of an application."""
    return {thread for thread in threading.enumerate() if thread.name == "pixeltwin-sandbox"}


def test_both_halves_go_to_the_applications_own_sandbox() -> None:
    """With nothing but the setting, scripts come from below the application and server events arrive in its sandbox."""
    app = shop(PIXELTWIN_INLINE=True)
    page = buy(app)
    for kind in KINDS:
        assert f'"{MOUNT}/{kind}/' in page
    assert not re.search(r"https://[a-z.-]*(?:redditstatic|sc-static|pinimg)", page)
    with app.app_context():
        app.extensions["pixeltwin"].tracker.deliver()
    mounted = Visitors(app, prefix=MOUNT)
    assert {record["platform"]: record["verdict"] for record in mounted.records()} == dict.fromkeys(
        KINDS, "server only"
    )
    assert b"<title>pixeltwin sandbox</title>" in mounted.send("GET", "/").body
    for kind in KINDS:
        script = re.search(rf'"{MOUNT}(/{kind}/[^"?]*)', page)
        assert script and mounted.send("GET", script[1]).status == 200


@pytest.mark.parametrize(
    ("host", "peer", "settings", "status"),
    [
        ("localhost:5000", "127.0.0.1", {}, 200),
        ("evil.example", "127.0.0.1", {}, 403),
        ("evil.example", "::1", {}, 403),
        ("evil.example", "::ffff:127.0.0.1", {}, 403),
        ("shop.example", "127.0.0.1", {"TRUSTED_HOSTS": ["shop.example"]}, 200),
        ("shop.example:5000", "127.0.0.1", {"SERVER_NAME": "shop.example:5000"}, 200),
        ("evil.example", "127.0.0.1", {"SERVER_NAME": "shop.example"}, 403),
        ("laptop.example", "192.168.1.7", {}, 200),
    ],
)
@pytest.mark.parametrize("proxies", [0, 1])
def test_a_name_that_was_made_to_lead_here_is_refused(
    host: str, peer: str, settings: dict[str, Any], status: int, proxies: int
) -> None:
    """On the developer's machine the sandbox is read under the machine's names and the application's, whatever a page
    says of proxies on its way; the pixels' scripts are there for every page."""
    app = shop(**settings)
    if proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)  # type: ignore[method-assign]
    client = app.test_client()
    said = {"base_url": f"http://{host}", "environ_base": {"REMOTE_ADDR": peer}}
    headers = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": "localhost"} if proxies else {}
    answer = client.get(f"{MOUNT}/api/export.har", headers=headers, **said)
    assert answer.status_code == status
    assert status == 200 or "TRUSTED_HOSTS" in answer.get_json()["error"]
    assert client.get(f"{MOUNT}/snap/scevent.min.js", headers=headers, **said).status_code == 200


def test_the_port_for_the_worker_answers_to_this_machine() -> None:
    """On the port of its own the application's sandbox answers under names of this machine only."""
    app = shop()
    worker = urlsplit(app.extensions["pixeltwin"].tracker.platforms[0].api_url)
    asked = Callers(None, port=worker.port or 0)
    for host, status in ((f"127.0.0.1:{worker.port}", 200), ("evil.example", 403)):
        assert asked.send("GET", "/api/clock", headers={"Host": host}).status == status


def test_the_life_of_a_conversion_begins_in_the_application() -> None:
    """The sandbox tells when a conversion was tracked, that its pixels were rendered, and what became of it."""
    app = shop()
    buy(app)
    with app.app_context():
        app.extensions["pixeltwin"].tracker.deliver()
    mounted = Visitors(app, prefix=MOUNT)
    for record in mounted.records():
        told = mounted.send("GET", f"/api/conversions/{record['key']}").json["timeline"]
        words = [step["what"] for step in told]
        assert words[:2] == ["tracked", "rendered"]
        assert {"sent", "delivered"} <= set(words)
        assert told[1]["at"] is None
        moments = [step["at"] for step in told if step["at"]]
        assert moments == sorted(moments)


def test_what_a_page_said_of_its_pixels_is_in_the_life_of_its_conversion() -> None:
    """The sandbox shows which pixels took a conversion and which were blocked, as the page itself said."""
    app = shop()
    buy(app)
    with app.app_context():
        tracker = app.extensions["pixeltwin"].tracker
        halves = {one.destination.partition(":")[0]: one for one in tracker.outbox.deliveries()}
        fired, blocked = ([halves[kind].destination] for kind in ("reddit", "snap"))
        tracker.outbox.acknowledge(halves["snap"].id, fired, blocked=blocked, now=tracker.clock())
        tracker.deliver()
    mounted = Visitors(app, prefix=MOUNT)
    said: dict[str, list[str]] = {}
    for record in mounted.records():
        told = mounted.send("GET", f"/api/conversions/{record['key']}").json["timeline"]
        said[record["platform"]] = [step["what"] for step in told if step["what"] in ("confirmed", "blocked")]
    assert said == {"reddit": ["confirmed"], "snap": ["blocked"], "pinterest": []}


def test_it_is_refused_outside_of_development() -> None:
    """In production no application swallows its own conversions: the setting is an error that says what to do."""
    with pytest.raises(ConfigurationError, match="flask run --debug"):
        shop(TESTING=False)
    assert shop(TESTING=False, DEBUG=True).test_client().get(f"{MOUNT}/").status_code == 200
    with pytest.raises(ConfigurationError, match="pixeltwin sandbox"):
        Settings({**SETTINGS, "PIXELTWIN_SANDBOX": "1"}, {}).tracker(debug=True)


@pytest.mark.parametrize("value", ["0", "", None, "http://127.0.0.1:8100"])
def test_any_other_value_mounts_nothing(value: str | None) -> None:
    """Without a yes there is no sandbox in the application: nothing at its path, and no thread of its own."""
    before = serving()
    app = shop(PIXELTWIN_SANDBOX=value)
    assert not serving() - before
    assert app.test_client().get(f"{MOUNT}/").status_code == 404


def test_the_port_closes_with_the_application() -> None:
    """When an application is gone, so is the port that its sandbox listened on."""
    app = shop()
    with app.app_context():
        base = "/".join(app.extensions["pixeltwin"].tracker.platforms[0].api_url.split("/")[:3])
    assert clock(base)["offset_seconds"] == 0
    del app
    gc.collect()
    assert not answers(base)


def test_the_sandbox_tells_what_the_application_says_of_its_platforms() -> None:
    """Mounted, it has the application's own health by platform; alone, it knows of none."""
    app = shop(PIXELTWIN_WORKER="off")
    tracker = app.extensions["pixeltwin"].tracker
    said = Visitors(app, MOUNT).send("GET", "/api/health").json["platforms"]
    assert said == json.loads(json.dumps(tracker.health().to_dict()))["platforms"]
    assert {one["status"] for one in said} == {"unknown"} and len(said) == len(KINDS)
    assert Visitors(create_sandbox()).send("GET", "/api/health").json == {"platforms": []}


def test_a_command_says_nothing_of_what_the_sandbox_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    """What is sent to an application's own sandbox is on its page, not between the lines of a command's output."""
    caplog.set_level(logging.INFO, "werkzeug")
    app = shop(PIXELTWIN_WORKER="off")
    buy(app)
    app.extensions["pixeltwin"].tracker.deliver()
    assert "/conversion_events" not in caplog.text
    assert Visitors(app, prefix=MOUNT).records("reddit")
    app.extensions["pixeltwin"].tracker.close()
