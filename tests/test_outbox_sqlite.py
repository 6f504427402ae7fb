"""What the SQLite outbox promises beyond the contract: files, processes, forks, locks, and the caller's transaction."""

from __future__ import annotations

import gc
import os
import random
import re
import sqlite3
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pixeltwin.errors import ConfigurationError, OutboxUnavailable
from pixeltwin.outbox import Outbox, open_outbox
from pixeltwin.outbox.connections import Slot
from pixeltwin.outbox.contract import LEASE
from pixeltwin.outbox.sqlite_ends import empty_wal
from pixeltwin.outbox.sqlite_waiting import Waiting
from pixeltwin.outbox.statements import load
from tests import outbox_processes as workers
from tests.outboxes import BLUE, NOW, RED, after, new, put, settle_all, states

KILLS = 16

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX processes")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    made = opened(path)
    yield made
    made.close()


def opened(path: Path) -> Outbox:
    outbox = open_outbox(f"sqlite:///{path}")
    outbox.set_destinations([RED, BLUE])
    return outbox


def lines(log: Path) -> list[str]:
    """The whole lines of a log; a process may have been killed within the last one."""
    return log.read_text().split("\n")[:-1] if log.exists() else []


# --- the file --------------------------------------------------------------------------------------------------------


def test_nothing_is_made_before_the_first_use(path: Path) -> None:
    """Opening an outbox and naming its destinations touches no file."""
    opened(path)
    assert not path.exists()


def test_the_files_are_for_this_user_alone(outbox: Outbox, path: Path) -> None:
    """Personal data rests in files that nobody else may read."""
    put(outbox, 1)
    files = [path, Path(f"{path}-wal"), Path(f"{path}-shm")]
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3


def test_a_file_that_exists_keeps_its_mode(outbox: Outbox, path: Path) -> None:
    """A file that somebody made readable for a group stays so: it may be the shop's own database."""
    path.touch()
    path.chmod(0o640)
    put(outbox, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_relative_path_means_the_folder_at_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that changes its folder later goes on with the same file."""
    monkeypatch.chdir(tmp_path)
    outbox = open_outbox("sqlite:///pixel%20twin.db")
    monkeypatch.chdir("/")
    put(outbox, 1)
    outbox.close()
    assert (tmp_path / "pixel twin.db").exists()


def test_a_closed_outbox_may_be_deleted(outbox: Outbox, path: Path) -> None:
    """Who closes an outbox and deletes its file begins with an empty one."""
    put(outbox, 1)
    outbox.close()
    path.unlink()
    put(outbox, 2)
    assert [claim.row.id for claim in outbox.claim(RED, now=NOW, limit=10)] == ["id-2"]


@pytest.mark.parametrize("size", [64, 20_000])
@pytest.mark.parametrize("end", ["delivered", "cancelled"])
def test_erased_personal_data_is_not_in_the_files(outbox: Outbox, path: Path, size: int, end: str) -> None:
    """After delivery or cancellation and the next purge, no byte of a visitor is left on the disk."""
    digest = b"5f4dcc3b5aa765d61d8327deb882cf99"
    for number in range(20):
        outbox.put(new(number, visitor=digest * (size // 32)), now=NOW)
    if end == "cancelled":
        outbox.cancel([f"id-{number}" for number in range(20)], now=NOW, reason="consent withdrawn")
    else:
        for destination in (RED, BLUE):
            settle_all(outbox, destination, "delivered")
    outbox.purge(now=NOW)
    assert {row.visitor for row in outbox.get([f"id-{number}" for number in range(20)])} == {None}
    files = [path, Path(f"{path}-wal")]
    assert [digest in file.read_bytes() for file in files] == [False, False]


def test_a_purge_does_not_wait_for_a_slow_reader(outbox: Outbox, path: Path) -> None:
    """Somebody who reads the file for long delays the emptying of the WAL, and neither the purge nor the requests."""
    put(outbox, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM pixeltwin_conversion").fetchone()
        put(outbox, 2)
        began = time.perf_counter()
        outbox.purge(now=NOW)
        assert time.perf_counter() - began < 2
    put(outbox, 3)


@pytest.mark.parametrize(("query", "level"), [("", 1), ("?synchronous=full", 2)])
def test_synchronous_is_what_the_url_says(path: Path, query: str, level: int) -> None:
    """NORMAL is the default; FULL, which outlives a power cut, is set on every connection that writes."""
    outbox = open_outbox(f"sqlite:///{path}{query}")
    for connections in (outbox._request, outbox._worker):  # type: ignore[attr-defined]
        with connections.use() as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
    outbox.close()


def test_a_newer_schema_is_refused_where_it_says_so(outbox: Outbox, path: Path) -> None:
    """A process that starts after a newer version has upgraded the outbox works with what was only added to; where it
    knows too little, it leaves the outbox alone, with a message that says what to do."""
    put(outbox, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE pixeltwin_schema SET version = 99")
        newer = opened(path)
        assert newer.migrate() == (99, 99)
        put(newer, 2)
        assert "id-2" in states(newer)
        newer.close()
        connection.execute("UPDATE pixeltwin_schema SET version = 100, oldest = 98")
        with pytest.raises(OutboxUnavailable, match="upgrade pixeltwin"):
            put(opened(path), 3)


def test_no_statement_looks_at_every_row(outbox: Outbox, path: Path) -> None:
    """However many rows there are, only counting them all looks at all of them."""
    put(outbox, 1)
    scanning = set[str]()
    with closing(sqlite3.connect(path)) as connection:
        for name, statement in load("sqlite.sql").items():
            if name.startswith("migration"):
                continue
            values = dict.fromkeys(re.findall(r":(\w+)", statement), 1) or [1] * statement.count("?")
            plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            all_rows = re.compile(r"SCAN (pixeltwin_(conversion|delivery|acknowledged)|[acs]\b)|.* AUTOMATIC ")
            if any(all_rows.match(row[3]) for row in plan):
                scanning.add(name)
    assert scanning == {"counts"}


# --- when the store cannot -------------------------------------------------------------------------------------------


def test_a_locked_database_is_told_within_a_second(outbox: Outbox, path: Path) -> None:
    """A request waits two seconds for somebody else's lock, then the caller is told, and those behind it sooner."""
    put(outbox, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for least, most in ((2.0, 3.5), (0.25, 1.0), (0.25, 1.0)):  # two seconds each would be a site that stands
            began = time.perf_counter()
            with pytest.raises(OutboxUnavailable, match="locked"):
                put(outbox, 2)
            assert least <= time.perf_counter() - began < most
        assert [row.id for row in outbox.get(["id-1"])] == ["id-1"]
    put(outbox, 2)


def test_a_busy_disk_costs_no_sale(outbox: Outbox, path: Path) -> None:
    """A lock that is held for a second, as by a writer that waits for its disk, delays a request and loses nothing."""
    put(outbox, 1)
    held = threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            held.set()
            time.sleep(1.0)

    holding = threading.Thread(target=hold)
    holding.start()
    assert held.wait(10)
    put(outbox, 2)
    holding.join()
    assert [row.id for row in outbox.get(["id-2"])] == ["id-2"]


def test_purge_makes_no_writer_wait_for_the_disk(outbox: Outbox, path: Path) -> None:
    """The WAL is emptied under the write lock only when nothing in it is still to be copied and synced."""
    put(outbox, 1)
    said: list[str] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM pixeltwin_conversion").fetchall()
        put(outbox, 2)  # behind the reader: it cannot be copied yet
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.set_trace_callback(said.append)
            empty_wal(connection)
            assert said == ["PRAGMA wal_checkpoint(PASSIVE)"] * 3
            reader.execute("COMMIT")
            empty_wal(connection)
            assert said[3:] == ["PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(TRUNCATE)"]


def test_an_unwritable_folder_is_told_with_advice() -> None:
    """A folder that this process may not write to gives an error that names it and says what is needed."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        workers.run(workers.write_as_nobody, folder)


def test_a_missing_folder_is_told_with_advice(tmp_path: Path) -> None:
    """A folder that does not exist is not made: the path may be mistyped."""
    with pytest.raises(OutboxUnavailable, match="folder must exist"):
        put(opened(tmp_path / "nowhere" / "outbox.db"), 1)


def test_a_file_that_is_no_database_is_told(outbox: Outbox, path: Path) -> None:
    """A file that holds something else is not overwritten."""
    path.write_bytes(b"something else" * 100)
    with pytest.raises(OutboxUnavailable, match="not a database"):
        put(outbox, 1)
    assert path.read_bytes() == b"something else" * 100


def test_a_full_disk_loses_nothing_that_was_acknowledged(path: Path, tmp_path: Path) -> None:
    """On a full disk a row is refused with an error, what was acknowledged stays, and with room again all goes on."""
    workers.run(workers.fill_the_disk, f"sqlite:///{path}", f"{tmp_path}/log")
    acknowledged = {f"id-{number}" for number in lines(tmp_path / "log")}
    outbox = opened(path)
    assert {one.id for one in outbox.deliveries(destination=RED, limit=10_000)} >= acknowledged
    outbox.close()


# --- threads, processes, forks ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_thread_that_ends_leaves_no_open_file(outbox: Outbox, path: Path) -> None:
    """A server that makes a thread for each request does not run out of files."""
    for number in range(30):
        thread = threading.Thread(target=put, args=(outbox, number))
        thread.start()
        thread.join()
    files = [os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()]
    assert len([file for file in files if file.startswith(str(path))]) <= 3


def test_a_connection_may_be_collected_before_its_slot() -> None:
    """Whichever of the two goes first, the connection is closed: Python 3.13 warns of one that is not."""

    def tangle() -> None:
        connection = sqlite3.connect(":memory:", factory=Waiting)
        slot = Slot("unused.db", lambda: connection)
        with slot:
            cycle: list[object] = [connection, slot]
            cycle.append(cycle)

    tangle()
    gc.collect()


def test_processes_write_at_once_without_an_error(path: Path) -> None:
    """Four processes that begin at the same moment, without a file, make it once and write without a busy error."""
    barrier = workers.processes.Barrier(4)
    together = [
        workers.start(workers.write_together, f"sqlite:///{path}", barrier, first, 200)
        for first in range(0, 4000, 1000)
    ]
    for process in together:
        process.join(60)
    assert [process.exitcode for process in together] == [0] * 4
    outbox = opened(path)
    assert outbox.counts()[RED] == {"pending": 800}
    outbox.close()


def test_who_waits_has_its_turn_in_the_smallest_gap(outbox: Outbox, path: Path) -> None:
    """A lock that is taken again and again, with a millisecond between, keeps nobody out for long."""
    put(outbox, 0)
    enough = threading.Event()

    def hog() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as connection:
            while not enough.wait(0.001):
                connection.execute("BEGIN IMMEDIATE")
                time.sleep(0.005)
                connection.execute("COMMIT")

    thread = threading.Thread(target=hog)
    thread.start()
    try:
        for number in range(1, 80):
            time.sleep(0.0012)  # so that the lock is taken again before each
            put(outbox, number)
    finally:
        enough.set()
        thread.join()


@pytest.mark.slow
def test_eight_processes_take_turns(path: Path, tmp_path: Path) -> None:
    """Eight processes that write hundreds of rows a second each, and a worker, see no busy error; none is starved."""
    url, log = f"sqlite:///{path}", f"{tmp_path}/log"
    barrier = workers.processes.Barrier(8)
    writers = [
        workers.start(workers.write_for_a_while, url, barrier, log, first, 1.0)
        for first in range(0, 8_000_000, 1_000_000)
    ]
    worker = workers.start(workers.work_for_ever, url, f"{tmp_path}/settled", RED)
    for process in writers:
        process.join(60)
    worker.kill()
    assert [process.exitcode for process in writers] == [0] * 8
    rows = [int(line) for line in lines(tmp_path / "log")]
    assert len(rows) == 8
    assert min(rows) * 4 > max(rows)


def test_each_process_decides_for_its_own_rows_only(path: Path) -> None:
    """A command that runs without the tokens, or an old process beside a new one, takes no row from a destination."""
    web, command = opened(path), open_outbox(f"sqlite:///{path}")
    put(web, 1)
    command.set_destinations([])
    put(command, 2)
    put(web, 3)
    assert [claim.row.id for claim in command.claim(RED, now=NOW, limit=10)] == ["id-1", "id-3"]
    web.close()
    command.close()


def test_children_write_beside_their_parent(path: Path) -> None:
    """Processes that were forked in the middle of another thread's writing write at once, and lose nothing."""
    workers.run(workers.fork_while_threads_write, f"sqlite:///{path}", 10, 20)
    outbox = opened(path)
    put_by_children = {f"id-{number}" for number in range(200)} | {f"id-{500_000 + child}" for child in range(10)}
    assert {row.id for row in outbox.get(list(put_by_children))} == put_by_children
    outbox.close()


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_processes_are_killed(path: Path, tmp_path: Path) -> None:
    """Processes that are killed at random instants lose no row that was put and no outcome that was stored."""
    chance = random.Random(20260820)
    url = f"sqlite:///{path}"

    def begun(kill: int, kind: str) -> tuple[Any, Path]:
        log = tmp_path / f"{kill}.{kind}"
        if kind == "put":
            return workers.start(workers.write_for_ever, url, str(log), kill * 100_000), log
        return workers.start(workers.work_for_ever, url, str(log), chance.choice([RED, BLUE])), log

    running = {"put": begun(0, "put"), "settled": begun(0, "settled")}
    for kill in range(1, KILLS + 1):
        kind = chance.choice(["put", "settled"])
        victim, log = running[kind]
        wanted, deadline = chance.randrange(1, 100), time.monotonic() + 30
        while len(lines(log)) < wanted and time.monotonic() < deadline:
            time.sleep(chance.random() / 500)
        victim.kill()
        victim.join()
        assert len(lines(log)) >= wanted
        running[kind] = begun(kill, kind)
    for process, _ in running.values():
        process.kill()
        process.join()

    outbox = opened(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    acknowledged = {f"id-{number}" for log in tmp_path.glob("*.put") for number in lines(log)}
    stored = {one.id for one in outbox.deliveries(limit=100_000)}
    assert acknowledged <= stored
    assert len(stored - acknowledged) <= KILLS + 1  # what was put and not yet logged when the kill came
    settled = {id for log in tmp_path.glob("*.settled") for id in lines(log)}
    assert settled <= {one.id for one in outbox.deliveries(state="delivered", limit=100_000)}
    later = NOW + LEASE + timedelta(seconds=1)
    for destination in (RED, BLUE):
        while settle_all(outbox, destination, "delivered", now=later):
            pass
    assert outbox.counts() == {RED: {"delivered": len(stored)}, BLUE: {"delivered": len(stored)}}
    outbox.close()


def test_what_came_for_others_alone_is_looked_through_once(outbox: Outbox, path: Path) -> None:
    """A purge leaves a destination that nothing comes for at the last row, and before the first it may yet have."""
    put(outbox, 0)
    outbox.set_destinations([RED])
    put(outbox, *range(1, 9))
    outbox.claim(BLUE, now=NOW, limit=1)

    def cursor() -> int:
        outbox.purge(now=NOW)
        with closing(sqlite3.connect(path)) as file:
            return int(file.execute("SELECT cursor FROM pixeltwin_destination WHERE name = ?", (BLUE,)).fetchone()[0])

    assert cursor() == 9
    outbox.set_destinations([RED, BLUE])
    (held,) = put(outbox, 9, held=("payment",))
    put(outbox, 10)
    assert cursor() == held - 1
    assert outbox.counts()[BLUE] == {"claimed": 1, "held": 1, "pending": 1}


# --- the caller's transaction ----------------------------------------------------------------------------------------


@pytest.fixture
def shop(path: Path) -> Iterator[sqlite3.Connection]:
    """The shop's own connection to the database that is the outbox's too."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE orders (id TEXT)")
        connection.execute("PRAGMA user_version = 7")
        connection.row_factory = lambda cursor, row: {"row": row}
        yield connection


@pytest.mark.parametrize("first_use", [True, False], ids=["first use", "used before"])
def test_order_and_conversion_commit_together(
    outbox: Outbox, shop: sqlite3.Connection, path: Path, first_use: bool
) -> None:
    """A row put through the shop's connection is there when the shop commits, and not before."""
    if not first_use:
        put(outbox, 100)
    shop.execute("INSERT INTO orders VALUES ('1')")
    made = outbox.put(new(1), now=NOW, connection=shop)
    assert made.created
    assert not outbox.put(new(1), now=NOW, connection=shop).created
    if not first_use:
        assert outbox.get(["id-1"]) == []
    shop.commit()
    assert outbox.get(["id-1"]) == [made.row]
    assert shop.execute("PRAGMA user_version").fetchone() == {"row": (7,)}
    assert "id-1" in {claim.row.id for claim in outbox.claim(RED, now=NOW, limit=2)}


@pytest.mark.parametrize("first_use", [True, False], ids=["first use", "used before"])
def test_order_and_conversion_roll_back_together(outbox: Outbox, shop: sqlite3.Connection, first_use: bool) -> None:
    """When the shop rolls back there is neither order nor conversion, and the next try makes both."""
    if not first_use:
        put(outbox, 100)
    shop.execute("INSERT INTO orders VALUES ('1')")
    outbox.put(new(1), now=NOW, connection=shop)
    shop.rollback()
    assert outbox.get(["id-1"]) == []
    assert outbox.put(new(1), now=NOW, connection=shop).created
    shop.commit()
    assert [claim.row.id for claim in outbox.claim(BLUE, now=after(seconds=1), limit=2)][-1] == "id-1"


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_key_is_given_up_with_the_shops_commit(outbox: Outbox, shop: sqlite3.Connection, end: str) -> None:
    """The row that takes the key of one that has ended is there when the shop commits; when it rolls back, the old one
    has its key."""
    old = outbox.put(new(1, held=("payment",)), now=NOW).row
    outbox.cancel(["id-1"], now=NOW, reason="declined")
    shop.execute("INSERT INTO orders VALUES ('1')")
    outbox.give_up(old.seq, connection=shop)
    made = outbox.put(new(1), now=NOW, connection=shop)
    assert made.created
    getattr(shop, end)()
    found = outbox.find(new(1).unique or "")
    assert found and found.seq == (made.row.seq if end == "commit" else old.seq)


@pytest.mark.parametrize("room", range(2, 22))
def test_tables_are_made_all_or_none_in_the_shops_transaction(
    outbox: Outbox, shop: sqlite3.Connection, room: int
) -> None:
    """Where there is no room for the tables, however far it reaches, the shop can commit its own, and with room again
    the next row is put."""
    shop.execute(f"PRAGMA max_page_count = {room}")
    shop.execute("INSERT INTO orders VALUES ('1')")
    with pytest.raises(OutboxUnavailable, match="full"):
        outbox.put(new(1), now=NOW, connection=shop)
    shop.commit()
    assert len(shop.execute("SELECT * FROM orders").fetchall()) == 1
    put(outbox, 2)


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("before", ["nothing", "other destinations", "all"])
def test_nobody_waits_for_the_lock_of_his_own_shop(
    outbox: Outbox, shop: sqlite3.Connection, path: Path, mode: str, before: str
) -> None:
    """In the open transaction of its shop a process that begins looks up notes and backlog, and puts its row, at once,
    whatever is in the file by then."""
    if before != "nothing":
        if before == "other destinations":
            outbox.set_destinations([BLUE])
        outbox.notes.keep("kind", "key", b"data", now=NOW)
        outbox.close()
    with closing(opened(path)) as fresh:
        shop.execute(f"PRAGMA journal_mode = {mode}")
        for number in (1, 2):
            shop.execute("INSERT INTO orders VALUES ('1')")
            began = time.perf_counter()
            assert fresh.notes.find("kind", "key", now=NOW) == (None if before == "nothing" else b"data")
            assert fresh.backlog().get(BLUE, 0) == number - 1
            assert fresh.put(new(number), now=NOW, connection=shop).created
            assert time.perf_counter() - began < 0.2  # it waits 0.25 s at the least, if it does
            shop.commit()
        assert [claim.row.id for claim in fresh.claim(RED, now=NOW, limit=9)] == ["id-1", "id-2"]


def test_halves_are_listed_beside_the_open_transaction_of_ones_own_shop(
    outbox: Outbox, shop: sqlite3.Connection, path: Path
) -> None:
    """A process with one more destination than the last finds what became of a conversion at once, while its shop has
    the lock."""
    outbox.set_destinations([BLUE])
    put(outbox, 1)
    with closing(opened(path)) as fresh:
        shop.execute("INSERT INTO orders VALUES ('1')")
        began = time.perf_counter()
        assert [one.state for one in fresh.deliveries(id="id-1")] == ["pending"]
        assert time.perf_counter() - began < 0.2
        shop.commit()


def test_another_database_is_refused(outbox: Outbox, tmp_path: Path) -> None:
    """A connection to another database could not commit both together: it is refused, and so is what is none."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as elsewhere, closing(sqlite3.connect(":memory:")) as nowhere:
        for connection in (elsewhere, nowhere):
            with pytest.raises(ConfigurationError, match="the same file"):
                outbox.put(new(), now=NOW, connection=connection)
    with pytest.raises(ConfigurationError, match=r"sqlite3\.Connection"):
        outbox.put(new(), now=NOW, connection=object())
