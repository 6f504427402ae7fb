"""The settings and the server of the demonstration."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client

from demo_site.__main__ import main
from demo_site.server import listen, make
from demo_site.settings import is_real
from tests.demo.storefront import CUSTOMER, LANDING, ROOT
from tests.samples import AGENT


@pytest.mark.parametrize(
    ("environ", "real"),
    [
        ({}, False),
        ({"PIXELTWIN_SITE": "x", "PIXELTWIN_DELIVERY": "off"}, False),
        ({"PIXELTWIN_REDDIT_PIXEL_ID": ""}, False),
        ({"PIXELTWIN_REDDIT_PIXEL_ID": "a2_x"}, True),
        ({"PIXELTWIN_SNAP_PIXEL_ID": "x"}, True),
        ({"PIXELTWIN_PINTEREST_TAG_ID": "x"}, True),
    ],
)
def test_a_real_pixel_id_switches_the_sandbox_off(environ: dict[str, str], real: bool) -> None:
    """The shop leaves the sandbox as soon as the environment names a real pixel, and only then."""
    assert is_real(environ) is real


def test_real_ids_go_to_the_real_platforms(make_shop: Callable[[], Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    """With one platform's id in the environment, that one alone is there, at its own address."""
    monkeypatch.setenv("PIXELTWIN_REDDIT_PIXEL_ID", "a2_mine")
    (platform,) = make_shop().extensions["pixeltwin"].tracker.platforms
    assert platform.account == "a2_mine"
    assert platform.script_url.startswith(platform.default_script_url)
    assert platform.api_url.startswith(platform.default_api_url)
    assert not platform.has_token


def test_secret_key_is_made_once_and_kept_private(make_shop: Callable[[], Flask], tmp_path: Path) -> None:
    """The key behind sessions and ids is the same after a restart, and nobody else may read its file."""
    assert make_shop().secret_key == make_shop().secret_key
    assert (tmp_path / "data" / "secret_key").stat().st_mode & 0o077 == 0


def test_the_demos_sandbox_answers_to_names_of_this_machine(make_shop: Callable[[], Flask]) -> None:
    """On a loopback address a foreign name leads to the shop, not to what the sandbox was sent."""
    with listen("127.0.0.1", 0) as listening, make(make_shop(), listening, with_sandbox=True) as server:
        asker = Client(server.app)
        for host, status in (("localhost:8000", 200), ("evil.example", 403)):
            assert asker.get("/sandbox/api/export.json", headers={"Host": host}).status_code == status
        assert asker.get("/", headers={"Host": "evil.example"}).status_code == 200


def test_a_taken_port_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """When something listens on the port already, the demo says what to type instead."""
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        monkeypatch.setenv("DEMO_DATA", str(tmp_path))
        assert main([]) == 1
    said = capsys.readouterr().err
    assert f"Port {port} is taken" in said
    assert "make demo" in said


@pytest.mark.parametrize("port", ["eighty", "70000", "-1"])
def test_a_port_that_is_none_is_explained(
    port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A PORT that is no port number is named, with an example of one."""
    monkeypatch.setenv("PORT", port)
    assert main([]) == 1
    assert f"PORT={port} is no port number" in capsys.readouterr().err


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`python -m demo_site` as a process of its own, on a free port: the process and the shop's URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PIXELTWIN_")}
    environ |= {
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "DEMO_DATA": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-m", "demo_site"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        try:
            until(lambda: answers(url))
            yield run, url
        finally:
            run.kill()


def answers(url: str) -> bool:
    try:
        return bool(urllib.request.urlopen(url, timeout=5).status == 200)
    except OSError:
        return False


def until(reached: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_demo_serves_shop_and_sandbox_and_stops_when_asked(demo: tuple[subprocess.Popen[str], str]) -> None:
    """One command serves both on one port, says where, delivers a purchase to the sandbox, and ends well on SIGTERM."""
    process, url = demo
    client = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    client.addheaders = [("User-Agent", AGENT)]

    def post(path: str, data: dict[str, str]) -> str:
        with client.open(url + path, urllib.parse.urlencode(data).encode(), timeout=10) as answer:
            return str(answer.url)

    def purchases() -> list[dict[str, Any]]:
        with client.open(f"{url}/sandbox/api/conversions", timeout=10) as answer:
            listed = json.load(answer)["conversions"]
        return [one for one in listed if one["server"] and one["name"] == "Purchase"]

    assert answers(f"{url}/sandbox/")
    assert post("/consent", {"choice": "granted", "next": LANDING}) == url + LANDING
    post("/cart/add", {"sku": "F4-ROK-90", "quantity": "2"})
    assert "/thanks/F4-" in post("/checkout", CUSTOMER)
    until(lambda: len(purchases()) == 3)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert f"{url}/" in said
    assert f"{url}/sandbox/" in said
    assert all(f"{parameter}=" in said for parameter in ("rdt_cid", "ScCid", "epik"))
    assert "GET" not in said
