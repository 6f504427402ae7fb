"""Requests and URLs: what leaves the site of a page's address, and which requests are a visitor's at all."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixeltwin.web import Request, clean_url, kept_parameters, query_of, surplus
from tests.goldens import made
from tests.samples import AGENT, platforms

MARKER = "zq7marker"
KEPT = ("rdt_cid", "epik", "utm_*")
HERE = "https://shop.example/cart?step=2"

names = st.sampled_from(
    ["rdt_cid", "epik", "utm_source", "utm_", "UTM_SOURCE", "email", "token", "rdt_cid2", "e pik", ""]
)
pairs = st.lists(st.tuples(names, st.text(max_size=8)), max_size=6)
hosts = st.sampled_from(
    ["shop.example", "shop.example:8080", "[2001:db8::1]:8080", "127.0.0.1", "xn--bcher-kva.example"]
)
paths = st.sampled_from(["", "/", "/thanks", "/a b/%C3%A9", "/p;v=1", "//double"])


def is_kept(name: str) -> bool:
    return name in ("rdt_cid", "epik") or name.startswith("utm_")


def asked(url: str = HERE, *, method: str = "GET", **headers: str) -> Request:
    """A request with these headers; sec_purpose="prefetch" is Sec-Purpose: prefetch."""
    return Request(method, url, {name.replace("_", "-"): value for name, value in headers.items()})


# --- URLs ----------------------------------------------------------------------------------------------------------


@given(hosts, paths, pairs)
def test_of_a_query_only_the_kept_parameters_survive(host: str, path: str, query: list[tuple[str, str]]) -> None:
    """Click ids and utm_* stay with their values and in their order; every other parameter is gone."""
    url = f"https://{host}{quote(path, safe='/;%')}"
    cleaned = urlsplit(clean_url(f"{url}?{urlencode(query)}", KEPT))
    found = parse_qsl(cleaned.query, keep_blank_values=True)
    assert found == [(name, value) for name, value in query if is_kept(name)]
    assert cleaned._replace(query="").geturl() == url


@given(hosts, st.text(max_size=10), st.text(max_size=10))
def test_credentials_and_fragment_are_dropped(host: str, before: str, after: str) -> None:
    """User names, passwords and what stands behind # leave the site with no URL."""
    secret = quote(before, safe="") + MARKER + quote(after, safe="")
    for login in (f"{secret}@", f"{secret}:{secret}@", f"{secret}@{secret}@"):
        cleaned = clean_url(f"https://{login}{host}/p?utm_source=a&x={secret}#{secret}", KEPT)
        assert cleaned == f"https://{host}/p?utm_source=a"


anything = st.text() | st.text("https://@[]:?&=#%+utm_epik.;\\ \ud800\u2100", max_size=40) | st.text(st.characters())


@given(anything)
@example("http://[")
@example("http://ex\u2100mple.com/?utm_source=1")
@example("https://shop.example/\ud800?utm_source=\udfff")
def test_no_url_can_break_the_cleaning(url: str) -> None:
    """Whatever somebody sends as a URL, the answer is text that can be stored; cleaning it again changes nothing."""
    cleaned = clean_url(url, KEPT)
    assert cleaned.encode().decode() == cleaned
    assert clean_url(cleaned, KEPT) == cleaned
    assert all(is_kept(name) for name in query_of(cleaned))
    assert all(value.encode().decode() == value for value in query_of(url).values())


def test_a_star_keeps_all_that_begin_so() -> None:
    """A site's own choice of parameters is by whole name, or by beginning with a star."""
    url = "https://shop.example/?ref=1&reference=2&c_a=3&c_b=4"
    assert clean_url(url, ["ref", "c_*"]) == "https://shop.example/?ref=1&c_a=3&c_b=4"
    assert clean_url(url, []) == "https://shop.example/"


def test_the_click_ids_of_the_configured_platforms_are_kept() -> None:
    """What a URL keeps follows from the platforms, each parameter once, and from the site's own choice."""
    kept = kept_parameters(platforms(), ["ref", "utm_*"])
    assert len(set(kept)) == len(kept)
    assert set(kept) == {*(platform.click_parameter for platform in platforms()), "utm_*", "ref"}


def test_a_click_id_that_nobody_is_told_is_kept_nowhere() -> None:
    """What every pixel that could read it withholds goes from stored addresses, and from the address bar."""
    withheld = made("snap", withhold={"click_ids"})
    assert "ScCid" not in kept_parameters([withheld])
    assert "ScCid" in kept_parameters([withheld, made("snap", name="second")])
    assert surplus({"ScCid": "3f1a7c52-6a1e-4a5b-9c1d-2b8f4e6d7a91"}, kept_parameters([withheld])) == ("ScCid",)


def test_of_a_repeated_parameter_the_first_counts() -> None:
    """A click id cannot be overridden by appending another one to the link."""
    assert query_of("/?epik=one&epik=two&empty=") == {"epik": "one", "empty": ""}
    assert asked("https://shop.example/?epik=a%20b+c").query == {"epik": "a b c"}


# --- requests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_purpose": "prefetch"},
        {"hx_preloaded": "true"},
        {"sec_purpose": "prefetch;prerender"},
        {"purpose": "prefetch"},
        {"x_purpose": "preview"},
        {"x_moz": "Prefetch"},
    ],
)
def test_a_request_ahead_of_a_click_is_known_as_one(headers: dict[str, str]) -> None:
    """However a browser announces that nobody looks yet, it is understood."""
    assert asked(**headers).speculative


@pytest.mark.parametrize("headers", [{}, {"sec_purpose": ""}, {"sec_fetch_mode": "navigate"}, {"purpose": "shopping"}])
def test_a_visit_is_not_taken_for_a_prefetch(headers: dict[str, str]) -> None:
    """An ordinary request is somebody's."""
    assert not asked(**headers).speculative


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site", "origin": "https://shop.example"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({"origin": "https://shop.example"}, True),
        ({"origin": "http://shop.example"}, False),
        ({"origin": "https://shop.example:8443"}, False),
        ({"origin": "https://shop.example.evil.example"}, False),
        ({"origin": "null"}, False),
        ({"referer": "https://shop.example/"}, False),
        ({}, False),
    ],
)
def test_only_this_sites_own_pages_are_same_origin(headers: dict[str, str], own: bool) -> None:
    """A browser's Sec-Fetch-Site decides, else the exact Origin; a request that tells neither is not believed."""
    assert asked(method="POST", **headers).same_origin is own


def test_the_origin_is_scheme_host_and_port() -> None:
    """The origin has nothing of path and query, and keeps the port."""
    assert asked("http://127.0.0.1:8000/cart?x=1").origin == "http://127.0.0.1:8000"
    assert asked(HERE).origin == "https://shop.example"


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Pinterestbot/1.0 (+https://www.pinterest.com/bot.html)",
        "facebookexternalhit/1.1",
        "Slackbot-LinkExpanding 1.0",
        "curl/8.5.0",
        "python-requests/2.32",
        "",
    ],
)
def test_a_machine_that_says_so_is_no_visitor(agent: str) -> None:
    """Crawlers, previews and scripts that name themselves, or nothing at all, view no pages."""
    assert asked(user_agent=agent).from_bot


@pytest.mark.parametrize(
    "agent", [AGENT, "Mozilla/5.0 (Linux; Android 9; CUBOT X19) Chrome/150.0 Mobile Safari/537.36"]
)
def test_a_browser_is_a_visitor(agent: str) -> None:
    """A person's browser is believed, whatever his phone is called."""
    assert not asked(user_agent=agent).from_bot


def test_an_absent_agent_is_none() -> None:
    """A request without a User-Agent has none, not an empty one."""
    request: Any = asked()
    assert request.user_agent is None
    assert request.from_bot
