"""Applications below a path, and those that tell hosts apart: our own paths are where their pages ask for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask, Response, render_template_string
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

from pixeltwin.flask import PixelTwin
from tests.pages import Page
from tests.samples import AGENT
from tests.test_flask import SETTINGS, Shop, fired

SAME = {"Sec-Fetch-Site": "same-origin", "User-Agent": AGENT}
NOWHERE = Response(status=404)


def below(shop: Shop, path: str) -> Client:
    """A browser of the server that has the shop below this path, and nothing else."""
    return Client(DispatcherMiddleware(NOWHERE, {path: shop.app}), Response)


def script(page: Any) -> str:
    """The URL of the script that the page loads."""
    [found] = [one for one in Page(page.get_data(as_text=True)).named("script") if "src" in one.attributes]
    return found.attributes["src"]


@pytest.mark.parametrize("kind", ["plain", "cached", "inline", "undecided"])
@pytest.mark.parametrize("path", ["/shop", "/de/kites & more"])
def test_a_page_below_a_path_asks_below_it(path: str, kind: str) -> None:
    """The script and the report of the page's view are where the application is, whatever the page holds of them, and
    its cookies serve all of the host."""
    shop = Shop(PIXELTWIN_INLINE=kind == "inline", PIXELTWIN_CONSENT="pending" if kind == "undecided" else "granted")
    head = "{{ pixeltwin.head(cached=True) }}" if kind == "cached" else "{{ pixeltwin.head() }}"
    shop.app.add_url_rule("/p", "p", lambda: render_template_string(head))
    client = below(shop, path)
    page = client.get(f"{path}/p", headers={"User-Agent": AGENT})
    assert unquote(script(page)).startswith(f"{path}/_pixeltwin/pixeltwin.js?v=") and " " not in script(page)
    assert client.get(script(page)).status_code == 200
    report: Any = client.post(f"{path}/_pixeltwin/visit", json={"url": "http://localhost/x"}, headers=SAME).get_json()
    views = [Page(page.get_data(as_text=True)).data.get("view"), report.get("view")]
    told = [view["beacon"] for view in views if view]
    assert len(told) == {"plain": 2, "inline": 2, "cached": 1, "undecided": 0}[kind]
    for url in told:
        said = {"id": "ab" * 32, "url": "http://localhost/x"}
        assert client.post(url, json=said, headers=SAME).status_code == 204
        assert len(shop.twin_tracker.outbox.get(["ab" * 32])) == 1
    bought = client.post(f"{path}/buy", headers={"User-Agent": AGENT})
    assert "; Path=/" in bought.headers["Set-Cookie"] and f"Path={path}" not in bought.headers["Set-Cookie"]


def test_applications_on_one_host_share_what_waits_for_a_page(tmp_path: Path) -> None:
    """With one outbox and the same keys, what was bought below one path is on the next page below another, once."""
    checkout, shop = (Shop(PIXELTWIN_OUTBOX=f"sqlite:///{tmp_path}/shared.db") for _ in range(2))
    client = Client(DispatcherMiddleware(shop.app, {"/checkout": checkout.app}), Response)
    client.post("/checkout/buy", headers={"User-Agent": AGENT})
    pages = [client.get(path, headers={"User-Agent": AGENT}) for path in ("/thanks", "/checkout/thanks", "/thanks")]
    assert [len(fired(page)) for page in pages] == [3, 0, 0]


@pytest.mark.parametrize("inline", [False, True])
def test_the_sandbox_of_an_application_below_a_path_is_below_it_too(inline: bool) -> None:
    """Its pixel scripts are asked for where they are, be the loaders in the page or in the script."""
    shop = Shop(PIXELTWIN_SANDBOX="1", PIXELTWIN_INLINE=inline)
    client = below(shop, "/shop")
    page = client.get("/shop/", headers={"User-Agent": AGENT})
    code = (page if inline else client.get(script(page))).get_data(as_text=True)
    assert '"/shop/_pixeltwin/sandbox/reddit/ads/pixel.js' in code and '"/_pixeltwin' not in code
    assert client.get("/shop/_pixeltwin/sandbox/reddit/ads/pixel.js").status_code == 200


@pytest.mark.parametrize("given", ["//evil.example", "/\\evil.example", "https://evil.example/"])
def test_no_prefix_leads_to_another_host(given: str) -> None:
    """What a proxy hands on as the prefix, whoever it has it from, stays a path of this host."""
    shop = Shop()
    shop.app.wsgi_app = ProxyFix(shop.app.wsgi_app, x_prefix=1)  # type: ignore[method-assign]
    page = shop.client.get("/", headers={"X-Forwarded-Prefix": given})
    assert script(page).startswith("/") and script(page)[1] not in "/\\"


@pytest.mark.parametrize(
    "matching", [{"subdomain_matching": True}, {"host_matching": True, "static_host": "shop.test"}]
)
def test_every_host_of_an_application_answers(matching: dict[str, Any]) -> None:
    """Where routes belong to hosts or subdomains, the script comes and reports are heard on each of them; other routes
    stay where they were."""
    app = Flask("shop", **matching)
    app.config.update({**SETTINGS, "SERVER_NAME": "shop.test"})
    PixelTwin(app)
    client = app.test_client()
    for host in ("shop.test", "www.shop.test", "a.b.shop.test"):
        base = f"http://{host}"
        assert client.get("/_pixeltwin/pixeltwin.js", base_url=base).status_code == 200
        said = {"url": f"{base}/"}
        answer = client.post("/_pixeltwin/visit", base_url=base, json=said, headers=SAME)
        assert answer.status_code == 200 and answer.get_json()["pixels"]
        assert client.get("/_pixeltwin/visit", base_url=base).status_code == 405
        assert client.get("/elsewhere", base_url=base).status_code == 404
