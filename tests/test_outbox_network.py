"""What the PostgreSQL outbox promises where the network, or the server, does not answer."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import pytest

from pixeltwin.errors import OutboxUnavailable
from pixeltwin.outbox import Outbox, open_outbox
from tests import postgresql
from tests.outbox_network import Lot, Network
from tests.outboxes import BLUE, NOW, RED, new, put, states

pytest.importorskip("psycopg", reason=postgresql.NONE)

from pixeltwin.outbox import postgres_connections, postgres_waiting

PREPARE = b"PREPARE known AS SELECT 1"


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network(postgresql.fresh_url())
    yield made
    made.close()


@pytest.fixture
def outbox(network: Network) -> Iterator[Outbox]:
    made = open_outbox(network.url)
    made.set_destinations([RED, BLUE])
    yield made
    made.close()


def took(outbox: Outbox, number: int, said: str = "") -> float:
    """Seconds until the caller is told that this cannot be put."""
    began = time.perf_counter()
    with pytest.raises(OutboxUnavailable, match=f"cannot be used now.*{said}"):
        put(outbox, number)
    return time.perf_counter() - began


def test_a_server_that_says_nothing_costs_one_request_its_time(
    outbox: Outbox, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all that is sent is swallowed, one request waits for its statement and for a new connection, and names a
    pooler's pool, which may be what is silent; the others are told at once; when the server answers again, they write
    again."""
    put(outbox, 1)
    network.befalls("is swallowed")
    network.lot = "is swallowed"
    assert 0.5 < took(outbox, 2, "are all connections of its pool taken") < 4
    assert took(outbox, 3) < 0.1
    monkeypatch.setattr(postgres_waiting, "monotonic", lambda: time.monotonic() + postgres_waiting.AFTERWARDS)
    network.lot = "is cut off"
    assert took(outbox, 4) < 0.4  # the server is back, and refuses connections for a moment more
    network.lot = "passes"
    put(outbox, 5)
    put(outbox, 6)
    assert states(outbox).keys() >= {"id-1", "id-5", "id-6"}


def test_a_server_that_cannot_write_costs_one_request_its_time(
    outbox: Outbox, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its disk stands still and it takes connections, one of those that come together waits; once it says
    something, and be it that a table is locked, all write again."""
    import psycopg

    put(outbox, 1)
    network.befalls("is swallowed where it writes")
    network.lot = "is swallowed where it writes"
    assert 0.5 < took(outbox, 2) < 2
    assert took(outbox, 3) < 0.1
    monkeypatch.setattr(postgres_waiting, "monotonic", lambda: time.monotonic() + postgres_waiting.AFTERWARDS)
    with ThreadPoolExecutor(4) as threads:
        assert sum(seconds > 0.4 for seconds in threads.map(partial(took, outbox), range(4, 8))) == 1
    network.lot = "passes"
    monkeypatch.setattr(postgres_waiting, "monotonic", lambda: time.monotonic() + 2 * postgres_waiting.AFTERWARDS)
    with psycopg.connect(network.url) as migration:
        migration.execute("LOCK TABLE pixeltwin_conversion")
        assert took(outbox, 8) > 0.2
    put(outbox, 9)


def test_a_server_that_is_away_for_a_moment_shuts_nobody_out(outbox: Outbox, network: Network) -> None:
    """While it restarts it refuses connections at once; the first request after that writes."""
    put(outbox, 1)
    network.befalls("is cut off")
    network.lot = "is cut off"
    assert took(outbox, 2) < 0.4
    network.lot = "passes"
    put(outbox, 3)


def test_an_answer_that_comes_slowly_is_heard_to_its_end(outbox: Outbox, network: Network) -> None:
    """Waiting is in vain where nothing comes; an answer on its way may take longer than a statement."""
    for number in range(4):
        outbox.put(new(number, visitor=os.urandom(50_000)), now=NOW)
    network.befalls("drips")
    began = time.perf_counter()
    assert len(outbox.get([f"id-{number}" for number in range(4)])) == 4
    assert time.perf_counter() - began > 0.6


@pytest.mark.parametrize("lot", ["is swallowed", "is cut off"])
def test_no_sale_is_lost_to_connections_that_the_network_forgot(outbox: Outbox, network: Network, lot: Lot) -> None:
    """A load balancer forgot all that were idle: the first to notice is stored over a new connection, once, and told
    that it made the row; the others do not meet the dead ones any more."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(partial(put, outbox), range(40)))
    network.befalls(lot)
    began = time.perf_counter()
    made = [outbox.put(new(number), now=NOW).created for number in range(100, 105)]
    assert time.perf_counter() - began < 2
    assert made == [True] * 5
    assert len(states(outbox)) == 45


def test_a_row_whose_answer_was_lost_is_there_once(outbox: Outbox, network: Network) -> None:
    """The connection dies after the row was written: the caller learns that he made it, and a second report that he did
    not; a row without a natural key, which could be written twice, is not tried again."""
    put(outbox, 1)
    for number, unique in ((2, "shop:Purchase:2"), (3, None)):
        network.befalls("is cut off before an answer")
        if unique:
            assert outbox.put(new(number), now=NOW).created
            assert not outbox.put(new(number), now=NOW).created
        else:
            with pytest.raises(OutboxUnavailable):
                outbox.put(new(number, unique=unique), now=NOW)
    assert [row.id for row in outbox.get(["id-1", "id-2", "id-3"])] == ["id-1", "id-2", "id-3"]


def test_what_another_wrote_is_not_taken_for_ones_own(outbox: Outbox, network: Network) -> None:
    """A second report whose connection dies is told that the row was there."""
    put(outbox, 1)
    network.befalls("is cut off before an answer")
    assert not outbox.put(new(1, visitor=b"another"), now=NOW).created


def test_a_connection_that_idled_for_long_is_not_used_again(
    outbox: Outbox, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a network may have forgotten it, it is replaced."""
    put(outbox, 1, 2)
    assert len(network.flows) == 1
    monkeypatch.setattr(postgres_connections, "IDLE", 0.0)
    put(outbox, 3)
    assert len(network.flows) == 2


def test_connections_that_only_a_rush_needed_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that many threads needed at once, and none since, are closed while one goes on: behind a pooler other
    processes wait for them."""
    pool = postgres_connections.Pool(postgresql.fresh_url(), {}, patience=1.0)
    with ExitStack() as rush:
        sessions = [rush.enter_context(pool.use()) for _ in range(4)]
    for ahead in (postgres_connections.IDLE / 2, postgres_connections.IDLE):
        monkeypatch.setattr(postgres_connections, "monotonic", lambda ahead=ahead: time.monotonic() + ahead)
        with pool.use() as one:
            assert one is sessions[0]
    assert [session.connection.closed for session in sessions] == [False, True, True, True]
    pool.close()


def test_a_pooler_that_keeps_no_sessions_is_named() -> None:
    """A prepared statement that is not there any more, or is there already, is as a rule on another's connection."""
    pool = postgres_connections.Pool(postgresql.fresh_url(), {"one": b"SELECT 1", "prepare": PREPARE}, patience=1.0)
    with pool.use() as session:
        for _ in range(10):
            session.row("one")  # psycopg prepares what it hears often
        session.connection.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")  # said so that it does not notice
        session.script("prepare")
    for statement in ("one", "prepare"):
        with pytest.raises(OutboxUnavailable, match="it must keep sessions"), pool.use() as session:
            session.script(statement)
    pool.close()
