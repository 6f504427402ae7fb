"""The sandbox as a real server: broken connections, live stream, and the process that `serve` makes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from threading import Thread
from typing import Any
from urllib.request import urlopen

import pytest

from pixeltwin.sandbox import create_sandbox, make
from pixeltwin.sandbox.bell import Bell
from pixeltwin.sandbox.stream import events, resumed
from tests.samples import purchase
from tests.sandboxed import KINDS, Callers, conversion, serving

each_platform = pytest.mark.parametrize("kind", KINDS)
PATIENCE = 10.0  # seconds


@pytest.fixture
def sandbox() -> Iterator[Callers]:
    with serving(create_sandbox()) as callers:
        yield callers


def now() -> datetime:
    return datetime.now(timezone.utc)


@contextmanager
def stream(sandbox: Callers, last: str = "") -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
    """The messages of the live stream, each with its id."""
    connection = HTTPConnection("127.0.0.1", sandbox.port, timeout=PATIENCE)
    connection.request("GET", "/api/stream", headers={"Last-Event-ID": last} if last else {})
    answer = connection.getresponse()
    assert answer.getheader("Content-Type", "").startswith("text/event-stream")
    try:
        yield messages(answer)
    finally:
        answer.close()
        connection.close()


def messages(answer: HTTPResponse) -> Iterator[tuple[str, dict[str, Any]]]:
    number = ""
    for line in answer:
        if line.startswith(b"id: "):
            number = line[4:].strip().decode()
        elif line.startswith(b"data: "):
            yield number, json.loads(line[6:])


# --- broken answers --------------------------------------------------------------------------------------------------


@each_platform
def test_merges_over_real_connections(sandbox: Callers, kind: str) -> None:
    """Over HTTP, from any client, both halves of a purchase merge."""
    sandbox.both(kind, conversion(purchase(), now()))
    assert sandbox.record()["verdict"] == "merged"


@each_platform
def test_a_cut_connection_takes_nothing(sandbox: Callers, kind: str) -> None:
    """A connection that is reset brought no event, and the server goes on."""
    said = conversion(purchase(), now())
    sandbox.fault(kind, "reset")
    with pytest.raises((ConnectionError, HTTPException)):
        sandbox.server(kind, said)
    assert sandbox.records() == []
    sandbox.fault(kind, None)
    assert sandbox.server(kind, said).status == 200


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="how a connection dies differs between systems")
def test_a_reset_is_a_real_one(sandbox: Callers) -> None:
    """On Linux the client sees its connection reset by the peer, not merely closed."""
    sandbox.fault("reddit", "reset")
    with pytest.raises(ConnectionResetError):
        sandbox.server("reddit", conversion(purchase(), now()))


@each_platform
def test_a_truncated_answer_ends_in_the_middle(sandbox: Callers, kind: str) -> None:
    """A truncated answer promises more than comes; the event was taken all the same."""
    sandbox.fault(kind, "truncated")
    with pytest.raises(IncompleteRead):
        sandbox.server(kind, conversion(purchase(), now()))
    assert sandbox.record()["verdict"] == "server only"


@each_platform
def test_answers_are_dated_by_the_sandbox_clock(sandbox: Callers, kind: str) -> None:
    """A client that compares its clock with the platform's sees the sandbox's, however far it was set ahead."""
    sandbox.advance(days=2)
    said = conversion(purchase(), now() + timedelta(days=2))
    dated = parsedate_to_datetime(sandbox.server(kind, said).headers["date"])
    assert abs(dated - now() - timedelta(days=2)) < timedelta(minutes=1)


@each_platform
def test_a_dripping_answer_comes_in_bytes(sandbox: Callers, kind: str) -> None:
    """A slow answer begins at once and does not end until the fault is lifted; the event was taken all the same."""
    said = conversion(purchase(), now())
    sandbox.fault(kind, "drip")
    ended: list[int] = []
    waiting = Thread(target=lambda: ended.append(sandbox.server(kind, said).status))
    waiting.start()
    assert until(lambda: bool(sandbox.records(kind)))
    assert not ended
    sandbox.fault(kind, None)
    waiting.join(PATIENCE)
    assert ended == [200]


@each_platform
def test_a_timeout_holds_one_and_not_the_others(sandbox: Callers, kind: str) -> None:
    """A platform that does not answer keeps its caller waiting, nobody else; lifting the fault ends the wait."""
    said = conversion(purchase(), now())
    sandbox.fault(kind, "timeout")
    ended: list[float] = []

    def wait() -> None:
        with pytest.raises((ConnectionError, HTTPException)):
            sandbox.server(kind, said)
        ended.append(time.monotonic())

    waiting = Thread(target=wait)
    waiting.start()
    lost = until(lambda: "timeout" in str(first_of(sandbox)["notices"]))
    others = [one for one in KINDS if one != kind]
    for other in others:
        assert sandbox.server(other, said).status == 200
    assert lost
    assert not ended
    lifted = time.monotonic()
    sandbox.fault(kind, None)
    waiting.join(PATIENCE)
    assert ended
    assert ended[0] >= lifted
    assert {record["platform"] for record in sandbox.records()} == set(others)


def until(holds: Any) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.01)
    return False


def first_of(sandbox: Callers, last: str = "") -> dict[str, Any]:
    with stream(sandbox, last) as said:
        return next(said)[1]


# --- the live stream -------------------------------------------------------------------------------------------------


def test_stream_tells_of_every_change(sandbox: Callers) -> None:
    """A page that listens is told of each arrival, fault, jump of the clock and reset, without asking."""
    said = conversion(purchase(), now())
    with stream(sandbox) as told:
        _, first = next(told)
        assert (first["anew"], first["conversions"], first["faults"]) == (True, [], [])
        sandbox.browser("reddit", said)
        [record] = next(told)[1]["conversions"]
        assert record["verdict"] == "browser only"
        sandbox.server("reddit", said)
        [record] = next(told)[1]["conversions"]
        assert (record["verdict"], record["id"]) == ("merged", said.id)
        sandbox.advance(hours=25)
        assert next(told)[1]["clock"]["offset_seconds"] == 90000
        sandbox.fault("snap", "503")
        assert next(told)[1]["faults"][0]["platform"] == "snap"
        sandbox.post("/api/reset")
        after = [next(told)[1]]
        while not after[-1]["anew"]:
            after.append(next(told)[1])
        assert after[-1]["conversions"] == []


def test_stream_goes_on_where_it_was_left(sandbox: Callers) -> None:
    """A stream that is taken up again brings what changed since; one of another run of the sandbox brings all."""
    sandbox.both("reddit", conversion(purchase("1"), now()))
    with stream(sandbox) as told:
        last, _ = next(told)
    later = conversion(purchase("2"), now())
    sandbox.both("snap", later)
    again = first_of(sandbox, last)
    assert not again["anew"]
    assert [record["id"] for record in again["conversions"]] == [later.id]
    strange = first_of(sandbox, "0ther-99")
    assert strange["anew"]
    assert len(strange["conversions"]) == 2


def test_stream_shows_life_and_ends_by_itself() -> None:
    """A quiet stream sends comments that keep the line open, and ends after its time, for the browser to come again."""
    bell = Bell()
    said = b"".join(events(bell, 0, lambda since: {"version": bell.version}, life=0.5, quiet=0.02))
    assert said.startswith(b"retry: ")
    assert said.count(b"event: changes") == 1
    assert b": keep-alive\n\n" in said
    assert resumed(bell, f"{bell.run}-7") == 7
    assert [resumed(bell, wrong) for wrong in ("", "x-7", bell.run, f"{bell.run}--1")] == [0, 0, 0, 0]


# --- who may ask -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8100", 200),
        ("LOCALHOST:8100", 200),
        ("shop.localhost", 200),
        ("[::1]:8100", 200),
        ("evil.example:8100", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("0.0.0.0:8100", 403),
        ("[127.0.0.1", 403),
    ],
)
def test_a_name_that_was_made_to_lead_here_is_refused(sandbox: Callers, host: str, status: int) -> None:
    """Nobody reads, resets or feeds a sandbox of this machine under a name of his own; the answer says what to do."""
    sandbox.both("reddit", conversion(purchase(), now()))
    for method, path in (("GET", "/api/export.json"), ("GET", "/"), ("POST", "/api/reset")):
        answer = sandbox.send(method, path, headers={"Host": host})
        assert answer.status == status
        if status == 403:
            said = json.loads(answer.body)["error"]
            assert f"http://localhost:{sandbox.port}/" in said and "--host" in said
    assert len(sandbox.records()) == (status == 403)


def test_a_sandbox_that_was_let_out_answers_every_name() -> None:
    """One that was bound to another address on purpose is asked by whatever name leads there."""
    server = make(0, host="0.0.0.0")
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        answer = Callers(None, port=server.server_port).send("GET", "/api/clock", headers={"Host": "laptop.example:80"})
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert answer.status == 200


# --- the process -----------------------------------------------------------------------------------------------------


def test_serve_says_where_and_ends_when_interrupted() -> None:
    """`serve` prints its URL, answers there, writes no query (and so no token) to its log, and ends well on Ctrl+C."""
    # A shell's background job ignores the interrupt, and so would what it starts.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{heeding}; from pixeltwin.sandbox import serve; serve(0)"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
        assert found
        with urlopen(f"{found[0]}api/conversions?access_token=verysecret", timeout=PATIENCE) as answer:
            assert json.load(answer) == {"conversions": []}
    finally:
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "/api/conversions" in log
    assert "verysecret" not in log
