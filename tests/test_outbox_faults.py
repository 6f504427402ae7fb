"""When the store cannot write: the page goes on, the loss is counted and said with advice, and it mends by itself."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pixeltwin import Purchase, Tracker
from pixeltwin.errors import OutboxUnavailable, TransactionLost
from tests import outbox_processes as workers
from tests.outbox_processes import track, tracking

AS_USER = os.name != "posix" or os.getuid() != 0


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 3 MB."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder]
        if os.name != "posix" or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("mounting a small file system needs root")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def lost(tracker: Tracker) -> int:
    return tracker.losses.snapshot().get(("", "fault: outbox"), 0)


def test_a_full_disk_costs_conversions_and_no_page_and_mends_by_itself(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """On a full file system track() returns, unstored, counted and said, and the site is unhealthy; with room again it
    is not, the next one is stored, and nothing that was acknowledged is missing."""
    tracker = tracking(f"sqlite:///{small_disk}/outbox.db")
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 500_000)
    stored = [number for number in range(400) if track(tracker, number).stored]
    assert 50 < len(stored) < 350
    assert lost(tracker) == 400 - len(stored)
    assert "disk is full. Make room; it goes on by itself then" in caplog.text
    with pytest.raises(OutboxUnavailable, match="Make room"):
        track(tracker, 2000, on_error="raise")
    found = tracker.health()
    assert (found.status, "Make room" in found.outbox) == ("unhealthy", True)
    ballast.unlink()
    assert tracker.health().outbox == ""
    assert track(tracker, 2001).stored
    orders = [f"{number}" for number in (*stored, 2001)]
    ids = [tracker.derive_id(Purchase(order_id=order, value="1", currency="EUR"), order) for order in orders]
    tracker.outbox.close()  # and what a new process finds
    assert [row.id for row in tracker.outbox.get(ids)] == ids
    with closing(sqlite3.connect(small_disk / "outbox.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    tracker.close()


def test_an_order_that_sqlite_undid_is_told_whatever_the_settings(tmp_path: Path) -> None:
    """Where SQLite undoes the shop's transaction because no room is left, track() raises, so that the shop does not go
    on and commit half an order."""
    tracker = tracking(f"sqlite:///{tmp_path}/shop.db")
    track(tracker, 0)
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        shop.executescript("CREATE TABLE orders (id); CREATE TABLE lines (id)")
        (pages,) = shop.execute("PRAGMA page_count").fetchone()
        shop.execute(f"PRAGMA max_page_count = {pages + 3}")

        def sell(number: int) -> None:
            shop.execute("INSERT INTO orders VALUES (?)", (number,))
            assert track(tracker, number, connection=shop).stored
            shop.execute("INSERT INTO lines VALUES (?)", (number,))
            shop.commit()

        with pytest.raises(TransactionLost, match="undone your transaction"):
            deque(map(sell, range(1, 100)))
        assert not shop.in_transaction
        assert shop.execute("SELECT id FROM orders").fetchall() == shop.execute("SELECT id FROM lines").fetchall()
        shop.execute(f"PRAGMA max_page_count = {pages + 100}")
        sell(100)
    tracker.close()


@pytest.mark.parametrize("mode", [0o444, pytest.param(0o600, marks=pytest.mark.skipif(AS_USER, reason="needs root"))])
def test_a_file_of_somebody_else_costs_no_page(mode: int) -> None:
    """A file that this process may only read, or not even that where root has made it: the loss is counted, and the
    advice names its owner, or the permission where it is this user's."""
    with tempfile.TemporaryDirectory() as folder:
        tracking(f"sqlite:///{folder}/outbox.db").outbox.counts()
        for path in Path(folder).iterdir():
            path.chmod(mode)
        os.chmod(folder, 0o555)
        workers.run(workers.write_to_a_file_of_somebody_else, folder)


def test_a_lock_held_too_long_costs_no_page(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody's open transaction costs the conversions of its time and says who may hold it; then all is well."""
    tracker = tracking(f"sqlite:///{tmp_path}/outbox.db")
    assert track(tracker, 1).stored
    with closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        assert not track(tracker, 2).stored
    assert lost(tracker) == 1
    assert "locked. Another process keeps a transaction open in it" in caplog.text
    assert track(tracker, 2).stored
    tracker.close()


@pytest.mark.parametrize("size", [0, 5000])
def test_a_damaged_file_costs_no_page(tmp_path: Path, caplog: pytest.LogCaptureFixture, size: int) -> None:
    """A file that is no database, or was one until half of it was overwritten, is told with what to do, and not
    overwritten."""
    path = tmp_path / "outbox.db"
    if size:
        first = tracking(f"sqlite:///{path}")
        assert track(first, 1).stored
        first.close()
    damaged = path.read_bytes()[:size] + b"no database " * 5000 if size else b"no database " * 5000
    path.write_bytes(damaged)
    tracker = tracking(f"sqlite:///{path}")
    assert not track(tracker, 2).stored
    assert lost(tracker) == 1
    assert "move it away and restart" in caplog.text
    assert path.read_bytes() == damaged
    tracker.close()
