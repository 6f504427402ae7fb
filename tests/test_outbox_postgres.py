"""What the PostgreSQL outbox promises beyond the contract: hosts and processes, the order of commits, locks, a server
that goes away, and the caller's transaction."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixeltwin.errors import ConfigurationError, OutboxUnavailable
from pixeltwin.outbox import Outbox, Settlement, open_outbox
from pixeltwin.outbox.contract import LEASE
from tests import outbox_processes as workers
from tests import postgresql
from tests.outboxes import BLUE, NOW, RED, after, new, put, settle_all, states
from tests.thoroughness import examples

psycopg = pytest.importorskip("psycopg", reason=postgresql.NONE)

Connection = Any  # psycopg is imported as what may be missing


@pytest.fixture
def url() -> str:
    return postgresql.fresh_url()


@pytest.fixture
def outbox(url: str) -> Iterator[Outbox]:
    made = opened(url)
    yield made
    made.close()


@pytest.fixture
def shop(url: str) -> Iterator[Connection]:
    """The shop's own connection to the outbox's database, with a table of its own and its own habits."""
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
        connection.execute("CREATE TABLE orders (id text)")
        connection.commit()
        yield connection
        connection.rollback()


def opened(url: str) -> Outbox:
    outbox = open_outbox(url)
    outbox.set_destinations([RED, BLUE])
    return outbox


def lines(log: Path) -> list[str]:
    """The whole lines of a log; a process may have been killed within the last one."""
    return log.read_text().split("\n")[:-1] if log.exists() else []


def claimed(outbox: Outbox, destination: str, **more: Any) -> list[str]:
    return [claim.row.id for claim in outbox.claim(destination, **{"now": NOW, "limit": 1000, **more})]


def side_by_side(*works: Callable[[], Any]) -> list[Any]:
    """What these give that run at the same moment, each in a thread."""
    barrier = threading.Barrier(len(works))

    def one(work: Callable[[], Any]) -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


# --- the order of commits --------------------------------------------------------------------------------------------


def test_a_row_that_commits_late_is_not_lost(outbox: Outbox, url: str, shop: Connection) -> None:
    """A transaction that put first and commits last, after younger rows were delivered and purged, is delivered too."""
    late = outbox.put(new(1), now=NOW, connection=shop)
    for number in range(2, 30):
        early = outbox.put(new(number), now=NOW)
        assert early.row.seq > late.row.seq
    for destination in (RED, BLUE):
        assert settle_all(outbox, destination, "delivered") == 28
        assert outbox.next_due([destination], now=NOW) is None
    outbox.purge(now=after(days=50))
    shop.commit()
    assert outbox.next_due([RED, BLUE], now=after(days=50)) == after(days=50)
    assert claimed(outbox, RED) == claimed(outbox, BLUE) == ["id-1"]


STEPS = st.lists(st.tuples(st.sampled_from(["put", "commit", "roll back", "claim"]), st.integers(0, 2)), max_size=30)


@given(STEPS)
@settings(max_examples=examples(40))
def test_whatever_commits_is_claimed_once_in_whatever_order(steps: list[tuple[str, int]]) -> None:
    """Three transactions put, commit and roll back in any order between claims: what was committed is claimed once by
    each destination, and what was rolled back by none."""
    url = postgresql.fresh_url()
    outbox = opened(url)
    shops: list[Connection] = [psycopg.connect(url) for _ in range(3)]
    open_rows: list[list[str]] = [[], [], []]
    committed: list[str] = []
    found: dict[str, list[str]] = {RED: [], BLUE: []}
    final = [("commit", number) for number in range(3)] + [("claim", 0), ("claim", 1)]
    for number, (step, which) in enumerate([*steps, *final]):
        if step == "put":
            open_rows[which].append(outbox.put(new(number), now=NOW, connection=shops[which]).row.id)
        elif step == "commit":
            shops[which].commit()
            committed += open_rows[which]
            open_rows[which] = []
        elif step == "roll back":
            shops[which].rollback()
            open_rows[which] = []
        else:
            destination = (RED, BLUE)[which % 2]
            found[destination] += claimed(outbox, destination)
            assert sorted(found[destination]) == sorted(committed)
    for connection in shops:
        connection.close()
    outbox.close()
    assert sorted(found[RED]) == sorted(found[BLUE]) == sorted(committed)


# --- side by side ----------------------------------------------------------------------------------------------------


def test_four_workers_lose_and_repeat_nothing_when_one_is_killed(outbox: Outbox, url: str, tmp_path: Path) -> None:
    """Four worker processes on one database, one of them killed at work: every row is settled once at every
    destination, and what the dead one had claimed returns when its lease ends."""
    ids = {f"id-{seq}" for seq in range(600)}
    put(outbox, *range(600))
    jobs = [(RED, tmp_path / "0"), (RED, tmp_path / "1"), (BLUE, tmp_path / "2"), (BLUE, tmp_path / "3")]
    running = [workers.start(workers.work_for_ever, url, str(log), destination) for destination, log in jobs]
    deadline = time.monotonic() + 60
    while len(lines(tmp_path / "0")) < 20 and time.monotonic() < deadline:
        time.sleep(0.001)
    running[0].kill()
    running[0].join()
    while outbox.next_due([RED, BLUE], now=NOW) == NOW and time.monotonic() < deadline:
        time.sleep(0.01)
    while any(outbox.counts()[one].get("claimed", 0) > 5 for one in (RED, BLUE)) and time.monotonic() < deadline:
        time.sleep(0.01)
    for process in running[1:]:
        process.kill()
        process.join()

    later = NOW + LEASE
    for destination in (RED, BLUE):
        settled = Counter(id for one, log in jobs if one == destination for id in lines(log))
        assert max(settled.values()) == 1
        returned = claimed(outbox, destination, now=later)
        assert not set(returned) & set(settled)
        assert len(returned) <= 10  # five a claim, two workers
        assert len(ids - set(settled) - set(returned)) <= 10  # settled, and killed before it was logged
    assert outbox.counts()[RED].keys() <= {"delivered", "claimed"}
    assert sum(outbox.counts()[RED].values()) == sum(outbox.counts()[BLUE].values()) == 600


def test_processes_that_begin_together_make_the_tables_once(url: str) -> None:
    """Four processes that begin at the same moment, without tables, write without an error."""
    barrier = workers.processes.Barrier(4)
    together = [workers.start(workers.write_together, url, barrier, first, 50) for first in range(0, 4000, 1000)]
    for process in together:
        process.join(60)
    assert [process.exitcode for process in together] == [0] * 4
    outbox = opened(url)
    assert outbox.counts()[RED] == {"pending": 200}
    outbox.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX processes")
def test_children_write_beside_their_parent(url: str) -> None:
    """Processes that were forked in the middle of another thread's writing write at once; parent and child disturb
    neither one's connection."""
    workers.run(workers.fork_while_threads_write, url, 10, 20)
    outbox = opened(url)
    put_by_children = {f"id-{number}" for number in range(200)} | {f"id-{500_000 + child}" for child in range(10)}
    assert {row.id for row in outbox.get(list(put_by_children))} == put_by_children
    outbox.close()


def test_two_workers_that_settle_the_last_halves_at_once_erase_the_visitor(outbox: Outbox) -> None:
    """Whoever comes last settles the conversion, also where two come at the same moment."""
    put(outbox, *range(60))
    for _ in range(20):
        settlements = {
            one: [Settlement(claim.row.seq, claim.lease, "delivered") for claim in outbox.claim(one, now=NOW, limit=3)]
            for one in (RED, BLUE)
        }
        side_by_side(*(partial(outbox.settle, one, ended, now=NOW) for one, ended in settlements.items()))
    assert {row.visitor for row in outbox.get([f"id-{number}" for number in range(60)])} == {None}


def test_a_visitor_that_was_filled_in_is_the_one_that_is_sent(outbox: Outbox) -> None:
    """Of a fill and a claim at the same moment either the fill comes too late, or the claim carries what it brought."""
    for number in range(60):
        (seq,) = put(outbox, number)
        filled, claims = side_by_side(
            partial(outbox.fill, seq, b"fuller", now=NOW), partial(outbox.claim, RED, now=NOW, limit=1)
        )
        if not claims:  # left to a later claim while the fill had it
            claims = outbox.claim(RED, now=NOW, limit=1)
        assert [claim.row.visitor == b"fuller" for claim in claims] == [filled]


# --- when the server cannot ------------------------------------------------------------------------------------------


def test_a_locked_table_is_told_within_a_second(outbox: Outbox, url: str) -> None:
    """A request waits 250 ms for somebody else's lock, then the caller is told; afterwards all is well."""
    put(outbox, 1)
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE pixeltwin_conversion")
        began = time.perf_counter()
        with pytest.raises(OutboxUnavailable, match="statement timeout"):
            put(outbox, 2)
        assert 0.2 < time.perf_counter() - began < 1
    put(outbox, 3)
    assert states(outbox).keys() == {"id-1", "id-3"}


def test_connections_that_the_server_ended_are_replaced(outbox: Outbox, url: str) -> None:
    """After the server ended all connections, as when it restarts, no request is lost to a dead one."""
    side_by_side(*(partial(put, outbox, number) for number in range(4)))
    with psycopg.connect(url, autocommit=True) as other:
        ended = other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'pixeltwin'"
        ).fetchall()
    assert len(ended) >= 1
    put(outbox, 10)
    assert len(outbox.deliveries(destination=RED)) == 5


@pytest.mark.parametrize("address", ["127.0.0.1:1", "/nowhere"])
def test_a_server_that_is_not_there_is_told_without_the_password(address: str) -> None:
    """No answer is an error of the store, and its words keep the secret."""
    outbox = opened(f"postgresql://shop:hunter2@/shop?host={address.partition(':')[0]}&port=1")
    with pytest.raises(OutboxUnavailable, match="shop at") as caught:
        put(outbox, 1)
    assert "hunter2" not in f"{caught.value!r} {outbox!r}"


def test_a_url_that_cannot_be_read_is_refused_without_the_password() -> None:
    """A URL with a mistake in it is refused with advice, and not quoted."""
    with pytest.raises(ConfigurationError, match="percent-encoded") as caught:
        open_outbox("postgresql://shop:hunter2%zz@localhost/shop")
    assert "hunter2" not in str(caught.value)


@given(st.text("ab1@/:?#[]%&=. é", min_size=1, max_size=8))
def test_no_part_of_a_password_is_taken_for_a_place(password: str) -> None:
    """Whatever a password has in it as it was pasted, it is understood as the password, or the URL is refused."""
    try:
        told = repr(open_outbox(f"postgresql://shop:{password}@db.example/shop"))
    except ConfigurationError as error:
        told = str(error)
    advice = "the outbox URL cannot be read; it should be postgresql://user:password@host:5432/database, with special "
    advice += "characters of the password percent-encoded: %40 for @, %2F for /"
    assert told in ("PostgresOutbox('shop at db.example')", advice)


@pytest.mark.parametrize("query", ["", "?user=me@corp", "?host=@socket"])
def test_an_at_sign_that_is_no_passwords_is_left_alone(query: str) -> None:
    """An @ that is percent-encoded, or stands in the query, is part of a name."""
    outbox = open_outbox(f"postgresql://me%40corp:s3cr%40t%2F@db.example/sh%40p{query}")
    assert repr(outbox) == f"PostgresOutbox('sh@p at {'@socket' if 'host' in query else 'db.example'}')"


def test_without_psycopg_the_error_names_the_extra() -> None:
    """Who asks for PostgreSQL without its driver is told what to install."""
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from pixeltwin.outbox import open_outbox\n"
        "try: open_outbox('postgresql://localhost/shop')\n"
        "except ValueError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "pip install 'pixeltwin[postgres]'" in told


def test_a_newer_schema_is_refused_where_it_says_so(outbox: Outbox, url: str) -> None:
    """A process that starts after a newer version has upgraded the outbox works with what was only added to; where it
    knows too little, it leaves the outbox alone, with a message that says what to do."""
    put(outbox, 1)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO pixeltwin_migration (version) VALUES (99)")
        newer = opened(url)
        assert newer.migrate() == (99, 99)
        put(newer, 2)
        assert "id-2" in states(newer)
        newer.close()
        connection.execute("INSERT INTO pixeltwin_migration (version, oldest) VALUES (100, 98)")
        with pytest.raises(OutboxUnavailable, match="upgrade pixeltwin"):
            put(opened(url), 3)


def test_words_that_postgresql_cannot_keep_do_not_stop_a_settlement(outbox: Outbox) -> None:
    """A platform's answer may hold anything; the outcome is stored all the same."""
    put(outbox, 1)
    assert settle_all(outbox, RED, "refused", reason="bad\0pixel \ud800") == 1
    assert [one.reason for one in outbox.deliveries(destination=RED)] == ["badpixel ?"]


# --- the caller's transaction ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("first_use", [True, False], ids=["first use", "used before"])
def test_order_and_conversion_commit_together(outbox: Outbox, shop: Connection, first_use: bool) -> None:
    """A row put through the shop's connection is there when the shop commits, and not before."""
    if not first_use:
        put(outbox, 100)
    shop.execute("INSERT INTO orders VALUES ('1')")
    made = outbox.put(new(1), now=NOW, connection=shop)
    assert made.created
    assert not outbox.put(new(1), now=NOW, connection=shop).created
    assert outbox.get(["id-1"]) == []
    shop.commit()
    assert outbox.get(["id-1"]) == [made.row]
    assert "id-1" in claimed(outbox, RED)


def test_order_and_conversion_roll_back_together(outbox: Outbox, shop: Connection) -> None:
    """When the shop rolls back there is neither order nor conversion, and the next try makes both."""
    shop.execute("INSERT INTO orders VALUES ('1')")
    outbox.put(new(1), now=NOW, connection=shop)
    shop.rollback()
    assert (outbox.get(["id-1"]), claimed(outbox, RED)) == ([], [])
    assert outbox.put(new(1), now=NOW, connection=shop).created
    shop.commit()
    assert claimed(outbox, RED) == ["id-1"]


@pytest.mark.parametrize("isolation", ["READ_COMMITTED", "REPEATABLE_READ"])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_key_is_given_up_with_the_shops_commit(outbox: Outbox, shop: Connection, isolation: str, end: str) -> None:
    """The row that takes the key of one that has ended is there when the shop commits, at whatever isolation; when it
    rolls back, the old one has its key."""
    old = outbox.put(new(1, held=("payment",)), now=NOW).row
    outbox.cancel(["id-1"], now=NOW, reason="declined")
    shop.rollback()
    shop.isolation_level = psycopg.IsolationLevel[isolation]
    shop.execute("INSERT INTO orders VALUES ('1')")
    outbox.give_up(old.seq, connection=shop)
    made = outbox.put(new(1), now=NOW, connection=shop)
    assert made.created
    getattr(shop, end)()
    found = outbox.find(new(1).unique or "")
    assert found and found.seq == (made.row.seq if end == "commit" else old.seq)


def test_a_connection_in_autocommit_mode_writes_at_once(outbox: Outbox, shop: Connection) -> None:
    """Where the shop has no transaction there is none to wait for."""
    shop.autocommit = True
    made = outbox.put(new(1), now=NOW, connection=shop)
    assert outbox.get(["id-1"]) == [made.row]


def test_the_shop_may_look_for_its_tables_elsewhere(outbox: Outbox, shop: Connection) -> None:
    """The outbox finds its own tables, whatever search path the shop has."""
    shop.execute("SET search_path = pg_catalog")
    outbox.put(new(1), now=NOW, connection=shop)
    shop.commit()
    assert claimed(outbox, RED) == ["id-1"]


@pytest.mark.parametrize(
    "setting",
    ["TimeZone = 'Asia/Kolkata'", "DateStyle = 'SQL, DMY'", "IntervalStyle = 'iso_8601'", "extra_float_digits = 0"],
)
def test_the_shop_may_write_times_and_numbers_otherwise(outbox: Outbox, shop: Connection, setting: str) -> None:
    """However the shop's session writes times and numbers, it is known to be on the outbox's database, and the row's
    times are the same."""
    outbox.put(new(1), now=NOW)
    shop.execute(f"SET {setting}")
    assert outbox.put(new(2), now=NOW, connection=shop).created
    assert not outbox.put(new(1), now=NOW, connection=shop).created
    shop.commit()
    assert {(one.occurred_at, one.updated_at) for one in outbox.deliveries()} == {(NOW, NOW)}


def test_a_failure_does_not_take_the_order_with_it(outbox: Outbox, url: str, shop: Connection) -> None:
    """When the conversion cannot be stored the shop is told, and its own transaction can go on and commit."""
    with psycopg.connect(url) as other:
        outbox.put(new(1), now=NOW, connection=other)  # the same key, in a transaction that does not end
        shop.execute("INSERT INTO orders VALUES ('1')")
        shop.execute("SET LOCAL statement_timeout = '100ms'")
        with pytest.raises(OutboxUnavailable):
            outbox.put(new(1), now=NOW, connection=shop)
        other.rollback()
    shop.commit()
    assert shop.execute("SELECT id FROM orders").fetchall() == [{"id": "1"}]
    assert outbox.get(["id-1"]) == []


def test_another_database_is_refused(outbox: Outbox, url: str) -> None:
    """A connection to another database could not commit both together: it is refused, and so is what is none."""
    put(outbox, 1)
    elsewhere = psycopg.connect(url, dbname="template1")
    with elsewhere, pytest.raises(ConfigurationError, match="the same database"):
        outbox.put(new(2), now=NOW, connection=elsewhere)
    with pytest.raises(ConfigurationError, match=r"psycopg\.Connection"):
        outbox.put(new(2), now=NOW, connection=object())


@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize("orders_first", [True, False])
def test_a_sqlalchemy_connection_is_understood(outbox: Outbox, url: str, end: str, orders_first: bool) -> None:
    """The connection of an SQLAlchemy session, or of an engine, carries the conversion in its own transaction."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    with engine.connect() as connection:
        if orders_first:
            connection.execute(sqlalchemy.text("CREATE TABLE orders (id text)"))
        outbox.put(new(1), now=NOW, connection=connection)
        getattr(connection, end)()
    engine.dispose()
    assert claimed(outbox, RED) == (["id-1"] if end == "commit" else [])


def test_a_dead_lease_returns_to_any_host(outbox: Outbox, url: str) -> None:
    """What a host had claimed when it vanished goes to another when the lease ends, and not a moment before."""
    put(outbox, 1)
    assert claimed(outbox, RED) == ["id-1"]
    elsewhere = opened(url)
    assert claimed(elsewhere, RED, now=NOW + LEASE - timedelta(microseconds=1)) == []
    assert claimed(elsewhere, RED, now=NOW + LEASE) == ["id-1"]
    elsewhere.close()
