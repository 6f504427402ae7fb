"""The doctor on a page: served over real HTTP by sites that are wrong in just one way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask, Response, redirect, request
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import Tracker
from pixeltwin.doctor import Finding, document
from pixeltwin.doctor.fetching import fetch
from pixeltwin.doctor.page import CLICK, page
from pixeltwin.doctor.policy import Policy
from pixeltwin.flask import PixelTwin
from pixeltwin.network.wire import Timeouts, Wire
from tests.samples import KEY, platforms, purchase
from tests.sandboxed import serving
from tests.test_consent_sources import onetrust

PIXELS = platforms()
HOSTS = {
    directive: sorted({host for one in PIXELS for host in one.csp_sources().get(directive, ())})
    for directive in sorted({name for one in PIXELS for name in one.csp_sources()})
}


def csp(**changes: str) -> str:
    """A policy that allows all, with these directives changed ("" leaves one out)."""
    rules = {name.replace("-", "_"): f"'self' {' '.join(hosts)}" for name, hosts in HOSTS.items()}
    return "; ".join(f"{name.replace('_', '-')} {rule}" for name, rule in {**rules, **changes}.items() if rule)


class Site:
    """A site with pixeltwin, of which anything can be spoilt: `headers` are added to each page, `extra` is put into its
    head, `change` gets each page's HTML last."""

    def __init__(self, *, consent: str = "granted", **settings: Any) -> None:
        self.headers: dict[str, str] = {}
        self.extra = ""
        self.change: Callable[[str], str] = lambda text: text
        self.tracked: Callable[[], object] = lambda: None
        self.agents: list[str] = []
        self.app = app = Flask(__name__)
        app.config.update(SECRET_KEY=KEY, PIXELTWIN_CONSENT=consent, PIXELTWIN_WORKER="off", **settings)

        def spoil(response: Response) -> Response:
            if request.path == "/":
                response.headers.update(self.headers)
            return response

        self.tracker = Tracker(PIXELS, secret_keys=[KEY], outbox="memory:")
        self.twin = PixelTwin(app, tracker=self.tracker)
        app.after_request_funcs[None].insert(0, spoil)  # behind everything in the application: a proxy

        @app.get("/")
        def home() -> Response:
            self.agents.append(request.headers["User-Agent"])
            self.tracked()
            head = app.jinja_env.from_string("{{ pixeltwin.head() }}").render()
            return Response(self.change(f"<html><head>{self.extra}{head}</head><body>Hello</body></html>"))

    @contextmanager
    def served(self) -> Iterator[str]:
        with serving(self.app) as server:
            yield f"http://127.0.0.1:{server.port}/"
        self.tracker.close()

    def findings(self, cookie: str = "") -> list[Finding]:
        wire = Wire(None, Timeouts())
        with self.served() as url:
            found = list(page(wire.post, PIXELS, url, cookie))
        wire.close()
        return found


def bad(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if one.severity in ("fault", "warning")]


def only(findings: list[Finding]) -> Finding:
    (found,) = bad(findings)
    assert found.why and found.do
    return found


# --- a good page ----------------------------------------------------------------------------------------------------


def test_a_good_page_has_nothing_to_mend_and_counts_no_view() -> None:
    """Pixels, script, policy, cache and cookies are told to be well, and the doctor says that it is a bot."""
    site = Site(PIXELTWIN_PAGE_VIEWS="server")
    site.headers["Content-Security-Policy"] = csp(script_src=f"'self' 'unsafe-inline' {' '.join(HOSTS['script-src'])}")
    found = site.findings()
    assert not bad(found)
    assert {one.check for one in found} >= {"pixels", "page", "csp", "cache", "cookies"}
    assert {one.platform for one in found if one.check == "pixels"} == {one.name for one in PIXELS}
    assert all("bot" in agent for agent in site.agents)
    assert site.tracker.outbox.deliveries() == []


def test_without_consent_the_page_shows_no_pixel_and_that_is_no_fault() -> None:
    """A page for somebody who has not decided has no pixel; the doctor says how to see the other page."""
    found = Site(consent="pending").findings()
    assert not bad(found)
    note = next(one for one in found if "starts no pixel" in one.what)
    assert "--cookie" in note.do


def test_a_banners_cookie_is_sent_with_the_request() -> None:
    """With the cookie of somebody who agreed, the page is looked at as he gets it."""
    site = Site(consent="onetrust")
    cookie = "; ".join(f"{name}={value}" for name, value in onetrust("C0004:1").items())
    found = site.findings(cookie)
    assert not bad(found) and any("started by pixeltwin" in one.what for one in found)


# --- pixels ---------------------------------------------------------------------------------------------------------


def test_a_page_without_pixeltwin_is_a_fault() -> None:
    """A template without head() is named as such."""
    site = Site()
    site.change = lambda text: "<html><head></head></html>"
    assert "not on this page" in only(site.findings()).what


def test_a_page_with_two_heads_is_a_warning() -> None:
    """The tag in a layout and in a page again is told."""
    site = Site()
    site.change = lambda text: text.replace("<body>", f"<body>{text[text.index('<script') : text.index('</head>')]}")
    assert "2 times" in only(site.findings()).what


def test_a_missing_script_is_a_fault() -> None:
    """A proxy that keeps our paths to itself leaves the page without any pixel."""
    site = Site()

    @site.app.before_request
    def eaten() -> Response | None:
        return Response("no such file", 404) if request.path.startswith("/_pixeltwin/") else None

    found = only(site.findings())
    assert "script answers 404" in found.what and "/_pixeltwin/" in found.do


@pytest.mark.parametrize(
    ("snippet", "severity", "words"),
    [
        ("rdt('init', 'a2_shop');", "fault", "a second time"),
        ('rdt( "init" , "a2_other" );', "warning", "Another pixel of Reddit is on the page: a2_other"),
        (
            "snaptr('init', '3F1A7C52-6A1E-4A5B-9C1D-2B8F4E6D7A90', {});",
            "fault",
            "Snap's pixel is on the page a second",
        ),
        ("pintrk('load', '2612345678901');", "fault", "Pinterest's pixel is on the page a second"),
        ("pintrk('x');var u='https://s.pinimg.com/ct/core.js';", "fault", "Pinterest's pixel is on the page a second"),
    ],
)
def test_a_second_installation_is_told(snippet: str, severity: str, words: str) -> None:
    """The same pixel beside ours is a fault, another account's a warning, however the snippet is written."""
    site = Site()
    site.extra = f"<script>{snippet}</script>"
    found = only(site.findings())
    assert found.severity == severity and words in found.what


@pytest.mark.parametrize(
    "harmless",
    [
        "<script>var vendors = ['https://sc-static.net/scevent.min.js'];</script>",
        '<script type="application/ld+json">{"code": "rdt(\'init\', \'a2_shop\')"}</script>',
        "<!-- <script>rdt('init', 'a2_shop')</script> -->",
        "<p>rdt('init', 'a2_shop')</p>",
    ],
)
def test_what_only_looks_like_an_installation_is_none(harmless: str) -> None:
    """A consent tool's list, data for search engines, comments and texts start nothing."""
    site = Site()
    site.extra = harmless
    assert not bad(site.findings())


@pytest.mark.parametrize(
    "stand_in", ["__INSERT_USER_EMAIL__", "YOUR_PIXEL_ID", "<YOUR TAG ID HERE>", "INSERT-PIXEL-ID"]
)
def test_a_stand_in_that_nobody_filled_in_is_told(stand_in: str) -> None:
    """Snippets copied as they stood are found by what they still ask for."""
    site = Site()
    site.extra = f"<script>start('{stand_in}')</script>"
    assert "stand-in" in only(site.findings()).what


def test_a_tag_manager_is_noted() -> None:
    """What is in its container cannot be seen, and that is said."""
    site = Site()
    site.extra = '<script async src="https://www.googletagmanager.com/gtm.js?id=GTM-X"></script>'
    found = site.findings()
    assert not bad(found) and any("tag manager" in one.what and one.severity == "note" for one in found)


# --- policy ---------------------------------------------------------------------------------------------------------


def directives() -> Iterator[tuple[str, str]]:
    for one in PIXELS:
        for directive, hosts in one.csp_sources().items():
            for host in hosts:
                yield directive, host


def test_each_host_that_a_policy_lacks_is_named() -> None:
    """For every directive and host that some pixel needs, a policy without it is a fault that names both."""
    site = Site()
    wire = Wire(None, Timeouts())
    with site.served() as url:
        for directive, host in sorted(set(directives())):
            rest = " ".join(one for one in HOSTS[directive] if one != host)
            changed = {directive.replace("-", "_"): f"'self' 'unsafe-inline' {rest}"}
            site.headers["Content-Security-Policy"] = csp(**changed)
            found = bad(list(page(wire.post, PIXELS, url)))
            assert found and all(one.check == "csp" and f"{directive} {host}" in one.do for one in found)
    wire.close()


def test_a_policy_in_a_meta_element_counts_too() -> None:
    """Header and meta element must both allow what is needed."""
    site = Site()
    site.extra = '<meta http-equiv="Content-Security-Policy" content="default-src \'self\'">'
    assert {one.check for one in bad(site.findings())} == {"csp"}


def test_our_own_script_must_be_allowed() -> None:
    """A nonce policy without our nonce, and one without 'self', keep everything from starting."""
    for script_src in ("'nonce-abc'", "https://cdn.example"):
        site = Site()
        site.headers["Content-Security-Policy"] = f"script-src {script_src}"
        assert any("blocks pixeltwin's own script" in one.what for one in bad(site.findings()))
    site = Site()
    site.headers["Content-Security-Policy"] = csp(script_src_elem="'none'")
    assert any("blocks pixeltwin's own script" in one.what for one in bad(site.findings()))
    site = Site()
    site.headers["Content-Security-Policy"] = csp(connect_src=" ".join(HOSTS["connect-src"]))
    assert any("requests to its own site" in one.what for one in bad(site.findings()))


@pytest.mark.parametrize(
    ("source", "origin", "covers"),
    [
        ("*", "https://a.example", True),
        ("https:", "https://a.example", True),
        ("http:", "https://a.example", True),
        ("https:", "http://a.example", False),
        ("a.example", "https://a.example", True),
        ("*.example", "https://a.example", True),
        ("*.a.example", "https://a.example", False),
        ("https://a.example:8443", "https://a.example", False),
        ("https://a.example:*", "https://a.example", True),
        ("http://a.example", "https://a.example", True),
        ("https://b.example", "https://a.example", False),
        ("'none'", "https://a.example", False),
    ],
)
def test_sources_are_matched_as_browsers_do(source: str, origin: str, covers: bool) -> None:
    """Schemes, wildcards and ports of a source expression mean what the standard says."""
    assert Policy.parsed(f"img-src {source}").allows("img-src", origin, "https://shop.example/") is covers
    assert Policy.parsed(f"default-src {source}").allows("img-src", origin, "https://shop.example/") is covers


@given(st.text(max_size=200), st.text(max_size=60))
def test_no_policy_and_no_page_breaks_the_doctor(policy: str, text: str) -> None:
    """Whatever a header or a page holds, it is read without an error."""
    Policy.parsed(policy).allows("script-src", "https://a.example", "https://shop.example/")
    Policy.parsed(f"script-src {policy}").allows("script-src", "https://a.example", "https://shop.example/")
    document.read(
        f"<script data-pixeltwin>{text}</script><script>pixeltwin.run({text});</script>{text}", "https://a.example/"
    )


@pytest.mark.parametrize(
    "spoilt",
    ['<base href="http://[">', '<script src="http://[/_pixeltwin/pixeltwin.js"></script>', "<![spoilt[x]]>", "<![]>"],
)
def test_what_a_browser_passes_over_does_not_end_the_doctor(spoilt: str) -> None:
    """What is no URL, and no declaration, is passed over, and the rest of the page is read."""
    site = Site()
    site.extra = spoilt
    assert not bad(site.findings())


@pytest.mark.parametrize("opened", ["<script ", "<a", "</a ", "<!--", "<![if ", "<?"])
def test_a_page_of_open_tags_does_not_hold_the_doctor_up(opened: str) -> None:
    """What stands before them is read, and a megabyte of tags that do not end takes no time worth waiting."""
    began = time.process_time()
    found = document.read("<script src=/first.js></script>" + opened * (1_000_000 // len(opened)), "https://a.example/")
    assert time.process_time() - began < 5
    assert [one.src for one in found.scripts] == ["https://a.example/first.js"]


# --- cache ----------------------------------------------------------------------------------------------------------


def test_an_id_that_repeats_is_a_cached_page() -> None:
    """Two strangers who get the same conversion see a page that was made once for both."""
    site = Site()
    kept: dict[str, str] = {}
    site.tracked = lambda: site.twin.track(purchase())
    site.change = lambda text: kept.setdefault("page", text)
    found = bad(site.findings())
    assert any(one.severity == "fault" and "the same conversion ID" in one.what for one in found)


def test_an_id_that_repeats_in_somebody_elses_snippet_is_found_too() -> None:
    """IDs that other code hands to a pixel are compared as well, by the key that the pixel reads them from."""
    site = Site()
    site.extra = "<script>ours('track', {conversionId: 'order-77-abc'})</script>"
    assert "order-77-abc" in only(site.findings()).what


def test_pages_with_conversions_must_not_be_kept() -> None:
    """A page that holds conversions and may be kept by any cache is a fault before it happens."""
    site = Site()
    numbers = iter(range(100))
    site.tracked = lambda: site.twin.track(purchase(str(next(numbers))))
    assert not bad(site.findings())
    site = Site()
    site.tracked = lambda: site.twin.track(purchase(str(next(numbers))))
    site.headers["Cache-Control"] = "public, max-age=60"
    found = bad(site.findings())
    assert any("may be kept by any cache" in one.what and one.check == "cache" for one in found)


def test_a_nonce_that_repeats_is_a_warning() -> None:
    """A nonce must be new in each response."""
    site = Site()
    site.extra = '<script nonce="abc"></script>'
    assert "nonce" in only(site.findings()).what


def test_a_cache_that_answers_is_noted() -> None:
    """A page from a cache with nothing of a visitor in it is as it should be."""
    site = Site()
    site.headers["X-Cache"] = "HIT from edge"
    found = site.findings()
    assert not bad(found) and any("x-cache" in one.what for one in found)


@pytest.mark.parametrize(
    ("age", "noted"),
    [("600", True), ("0600", True), ("0", False), ("\xb2", False), pytest.param("9" * 5000, False, id="endless")],
)
def test_an_age_is_a_number_of_seconds(age: str, noted: bool) -> None:
    """A cache that says how long it has had the page is noted, and what is no such number is not."""
    site = Site()
    site.headers["Age"] = age
    assert any("age: " in one.what for one in site.findings()) is noted


# --- cookies, proxies, addresses ------------------------------------------------------------------------------------


@contextmanager
def answering(headers: Mapping[str, str], status: int = 200) -> Iterator[Callable[..., list[Finding]]]:
    """The doctor behind a wire that says that it is HTTPS: what a proxy in front of an application looks like."""
    calls: list[str] = []

    def post(request: Any) -> tuple[int, Mapping[str, str], bytes]:
        calls.append(request.url)
        body = b"pixeltwin" if "pixeltwin.js" in request.url else b"<script src='/_pixeltwin/pixeltwin.js'></script>"
        return status, headers, body

    yield lambda: list(page(post, PIXELS, "https://shop.example/"))
    assert any(CLICK in url and "rdt_cid" in url for url in calls) or status >= 400


def test_cookies_without_secure_show_a_proxy_that_is_not_trusted() -> None:
    """Behind HTTPS an application that does not know of it sets its cookies for plain HTTP: ProxyFix is missing."""
    with answering(
        {"set-cookie": "session=1, pixeltwin_clicks=x; Path=/; Expires=Wed, 21 Oct 2027 07:28:00 GMT"}
    ) as look:
        found = [one for one in bad(look()) if one.check == "cookies"]
        assert len(found) == 1 and "ProxyFix" in found[0].do
    with answering({"set-cookie": "pixeltwin_clicks=x; Path=/; Secure, session=1"}) as look:
        assert not [one for one in bad(look()) if one.check == "cookies"]


@pytest.mark.parametrize("kept", ["public, max-age=600", "max-age=600", "S-MaxAge=600"])
def test_a_cookie_that_a_cache_may_keep_is_a_warning(kept: str) -> None:
    """A click id in a response that anybody may get is told, however caches are allowed to keep it."""
    headers = {"set-cookie": "pixeltwin_clicks=x; Secure", "cache-control": kept}
    with answering(headers) as look:
        assert [one.check for one in bad(look()) if one.severity == "warning"] == ["cookies"]


@pytest.mark.parametrize(
    ("cookie", "onward", "severity", "words"),
    [
        ("Secure", "/home", "ok", "keeps its click IDs"),
        ("Path=/", "/home", "fault", "served over HTTPS"),
        ("Secure; Domain=shop.example", "https://www.shop.example/", "ok", "keeps its click IDs"),
        ("Secure", "https://www.shop.example/", "warning", "stay at shop.example"),
    ],
)
def test_cookies_of_redirects_count_where_browsers_send_them(
    cookie: str, onward: str, severity: str, words: str
) -> None:
    """What a landing's redirect sets is judged as what the page itself sets, if it reaches the page's host."""

    def post(asked: Any) -> tuple[int, Mapping[str, str], bytes]:
        if CLICK in asked.url:
            return 302, {"location": onward, "set-cookie": f"pixeltwin_clicks=x; {cookie}"}, b""
        return 200, {"set-cookie": "pixeltwin_visitor=x; Secure"}, b"pixeltwin"  # which keeps no click ID

    found = [one for one in page(post, PIXELS, "https://shop.example/") if one.check == "cookies"]
    assert [one.severity for one in found] == [severity] and words in found[0].what


def test_addresses_that_lead_nowhere_are_faults() -> None:
    """No host, no page, no address and a circle of redirects are each told as what they are."""
    wire = Wire(None, Timeouts())
    app = Flask(__name__)
    app.add_url_rule("/circle", "circle", lambda: redirect("/circle"))
    app.add_url_rule("/away", "away", lambda: redirect("/gone"))
    with serving(app) as server:
        for url, word in (
            (f"http://127.0.0.1:{server.port}/circle", "redirects more than"),
            (f"http://127.0.0.1:{server.port}/away", "404"),
            ("http://127.0.0.1:9/", "cannot be fetched"),
            ("shop.example", "no address"),
            ("http://[x", "no address"),
        ):
            (found,) = page(wire.post, PIXELS, url)
            assert found.severity == "fault" and word in found.what
    wire.close()


def test_a_redirect_to_what_is_no_address_is_a_fault() -> None:
    """An answer that leads to what is no URL is told as that."""
    (found,) = page(lambda asked: (302, {"location": "http://["}, b""), PIXELS, "https://shop.example/")
    assert found.severity == "fault" and "http://[ is no address" in found.what


def test_a_cookie_is_not_taken_to_another_site() -> None:
    """A redirect to another host does not get what was given for this one."""
    seen: list[str | None] = []
    other, own = Flask("other"), Flask("own")

    @other.get("/")
    def hello() -> str:
        seen.append(request.headers.get("Cookie"))
        return "hello"

    with serving(other) as there:
        own.get("/")(lambda: redirect(f"http://localhost:{there.port}/"))
        with serving(own) as here:
            wire = Wire(None, Timeouts())
            list(page(wire.post, PIXELS, f"http://127.0.0.1:{here.port}/", "session=secret"))
            wire.close()
    assert seen and set(seen) == {None}


@pytest.mark.parametrize(
    ("url", "onward", "given"),
    [
        ("https://shop.example/", "http://shop.example/home", False),
        ("http://shop.example/", "https://shop.example/home", True),
        ("https://shop.example/", "/home", True),
    ],
)
def test_a_cookie_does_not_leave_https(url: str, onward: str, given: bool) -> None:
    """A redirect within the host takes the cookie along, but never from HTTPS to where it could be read on the way."""
    seen: list[bool] = []

    def post(asked: Any) -> tuple[int, Mapping[str, str], bytes]:
        seen.append("Cookie" in asked.headers)
        return (200, {}, b"") if asked.url.endswith("/home") else (302, {"location": onward}, b"")

    fetch(post, url, "session=secret")
    assert seen == [True, given]


def test_the_application_looks_at_a_page_of_its_own() -> None:
    """`flask pixeltwin doctor --url` ends with what is on the page."""
    site = Site()
    site.extra = "<script>rdt('init', 'a2_shop');</script>"
    with site.served() as url:
        answer = site.app.test_cli_runner().invoke(args=["pixeltwin", "doctor", "--offline", "--json", "--url", url])
    said = json.loads(answer.stdout)
    assert answer.exit_code == 1 and any("a second time" in one["what"] for one in said["findings"])
