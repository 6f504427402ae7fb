"""SQLite connections: one a thread, opened at first use, and never carried through a fork.

SQLite forbids a child to use or even to close a connection of its parent, and what it remembers of the parent's locks
misleads the child's own connections: they wait for ever, or hold no lock at all (sqlite.org, "How To Corrupt An SQLite
Database File", 2.6). So all connections are closed before a fork, between two uses, and opened again when needed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import TracebackType
from weakref import WeakSet

from ..errors import OutboxUnavailable
from .sqlite_waiting import Patience, Waiting
from .whereabouts import belongs_to_another

_WAL = "PRAGMA journal_mode = WAL"
LONGEST_USE = 6.0  # seconds a fork waits for a connection in use: longer than any patience


class Slot:
    """The place of one thread's connection; a context within which it is used, in autocommit mode."""

    __slots__ = ("__weakref__", "_connection", "_lock", "_open", "_path", "_pid")

    def __init__(self, path: str, open: Callable[[], sqlite3.Connection]) -> None:
        self._path = path
        self._open = open
        self._pid = os.getpid()
        self._lock = threading.RLock()  # held while it is used; a signal handler may come in between and close
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        try:
            if self._pid != os.getpid():
                self._shut()
                self._pid = os.getpid()
            if self._connection is None:
                self._connection = self._open()
            return self._connection
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        if isinstance(error, sqlite3.Error):
            raise unavailable(self._path, error) from error

    def __del__(self) -> None:  # its thread has ended
        self._shut()

    def close(self) -> None:
        """Close the connection, when its use has ended."""
        with self._lock:
            self._shut()

    def suspend(self) -> bool:
        """Close the connection and keep it so until `resume`. False when its use does not end."""
        if not self._lock.acquire(timeout=LONGEST_USE):
            return False
        self._shut()
        return True

    def resume(self) -> None:
        self._lock.release()

    def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._pid == os.getpid():
            connection.close()
        else:
            _inherited.append(connection)


_gate = threading.Lock()  # held while a slot is made, and while a process forks
_slots: WeakSet[Slot] = WeakSet()
_suspended: list[Slot] = []
_inherited: list[sqlite3.Connection] = []  # a parent's, after a fork that could not wait: never used, never closed


class Connections:
    """The connections of this process to one file. `patience`: how long they wait for another's lock. `prepare` is
    called with each new one. SQLite's errors become `OutboxUnavailable`."""

    def __init__(self, path: str, *, patience: Patience, prepare: Callable[[sqlite3.Connection], None]) -> None:
        self._path = path
        self.patience = patience
        self._prepare = prepare
        self._here = threading.local()
        self._ours: WeakSet[Slot] = WeakSet()

    def use(self) -> Slot:
        """This thread's place: `with connections.use() as connection`."""
        try:
            slot: Slot = self._here.slot
        except AttributeError:
            slot = self._here.slot = self._new_slot()
        return slot

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """The same within a transaction that has the write lock: committed at the end, rolled back on any error."""
        with self.use() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close them all; those in use, when their use ends."""
        with _gate:
            slots = list(self._ours)
        for slot in slots:
            slot.close()

    def _new_slot(self) -> Slot:
        with _gate:
            _create(self._path)
            slot = Slot(self._path, self._open)
            _slots.add(slot)
            self._ours.add(slot)
            return slot

    def _open(self) -> sqlite3.Connection:
        # Not bound to its thread, so that `close` and a fork can close it from another; the slot's lock guards it.
        connection = sqlite3.connect(
            self._path,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=64,
            factory=Waiting,
        )
        connection.patience = self.patience
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def prepare(connection: sqlite3.Connection, *, full: bool, checkpoint: int) -> None:
    """Set what an outbox wants of a new connection. `full`: synchronous FULL; `checkpoint`: pages.

    Who cannot switch to a WAL now works without: another process just switches, or the next connection will; the mode
    belongs to the file. It is not waited for, for it may be the caller's own transaction that is in the way.
    """
    with suppress(sqlite3.OperationalError):
        sqlite3.Connection.execute(connection, _WAL)
    connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
    connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten
    connection.execute("PRAGMA cache_size = -500")  # kilobytes; each worker thread has a connection, and its cache
    connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint}")  # pages


def wait_for_wal(connection: sqlite3.Connection) -> None:
    """Switch to a WAL when others let it, where nobody is in its own way."""
    with suppress(sqlite3.OperationalError):
        connection.execute(_WAL)


def _create(path: str) -> None:
    """Make the file, for this user alone; SQLite gives the same mode to the files beside it.

    A file that exists keeps its mode. It is not even opened: closing it would drop the locks that SQLite has on it.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise OutboxUnavailable(
            f"the outbox {path} cannot be made: {error.strerror}. Its folder must exist, and this process must be "
            "allowed to write there"
        ) from error


# What to do about it, by what SQLite's message begins with (sqlite.org/rescode.html).
_ADVICE = {
    "database or disk is full": "Make room; it goes on by itself then, and until then conversions are lost",
    "disk I/O error": "Is the disk healthy, and is there room on it?",
    "attempt to write a readonly database": "This process must be allowed to write the file and its folder",
    "unable to open database file": "Its folder must exist, and this process must be allowed to write there",
    "database is locked": "Another process keeps a transaction open in it: a backup, or somebody's shell",
    "file is not a database": "Restore it from a backup, or move it away and restart; what waited in it is lost",
    "database disk image is malformed": "Save what the sqlite3 shell's .recover finds, move it away and restart",
}


_FORBIDDEN = ("attempt to write a readonly database", "unable to open database file")


def unavailable(path: str, error: sqlite3.Error | MemoryError) -> OutboxUnavailable:
    """The error as callers of an outbox know it, with advice."""
    advice = next((advice for words, advice in _ADVICE.items() if str(error).startswith(words)), "")
    if str(error).startswith(_FORBIDDEN):
        advice = belongs_to_another(path) or advice
    return OutboxUnavailable(f"the outbox {path} cannot be used now: {error}{advice and f'. {advice}'}")


def _before_fork() -> None:
    _gate.acquire()
    _suspended.extend(slot for slot in list(_slots) if slot.suspend())


def _after_fork() -> None:
    while _suspended:
        _suspended.pop().resume()
    _gate.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
