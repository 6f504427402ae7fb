"""SQLite connections: one a thread, opened at first use, and never carried through a fork.

SQLite forbids a child to use or even to close a connection of its parent, and what SQLite remembers of the parent's
locks would mislead the child's own connections (sqlite.org, "How To Corrupt An SQLite Database File", 2.6). So all of
them are closed before a fork, between two uses, and opened again when next needed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Generator
from weakref import WeakSet

from ..errors import OutboxUnavailable

LONGEST_USE = 6.0  # seconds a fork waits for a connection in use: longer than any patience


class _Slot:
    """The place of one thread's connection. `lock` is held while it is used."""

    __slots__ = ("__weakref__", "connection", "lock", "pid")

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lock = threading.Lock()
        self.connection: sqlite3.Connection | None = None

    def shut(self) -> None:
        """Close the connection, or lay it aside for ever where it is a parent's."""
        connection, self.connection = self.connection, None
        if connection is None:
            return
        if self.pid == os.getpid():
            connection.close()
        else:
            _inherited.append(connection)

    def __del__(self) -> None:  # its thread has ended
        self.shut()


_gate = threading.Lock()  # held while a slot is made, and while a process forks
_slots: WeakSet[_Slot] = WeakSet()
_inherited: list[sqlite3.Connection] = []
_locked: list[_Slot] = []


class Connections:
    """The connections of this process to one file. `patience`: seconds to wait for another's lock. `prepare` is called
    with each new connection."""

    def __init__(self, path: str, *, patience: float, prepare: Callable[[sqlite3.Connection], None]) -> None:
        self.path = path
        self._patience = patience
        self._prepare = prepare
        self._here = threading.local()
        self._ours: WeakSet[_Slot] = WeakSet()

    @contextlib.contextmanager
    def use(self) -> Generator[sqlite3.Connection]:
        """This thread's connection, in autocommit mode. SQLite's errors become `OutboxUnavailable`."""
        try:
            slot: _Slot = self._here.slot
        except AttributeError:
            slot = self._here.slot = self._new_slot()
        with slot.lock:
            if slot.pid != os.getpid():
                slot.shut()
                slot.pid = os.getpid()
            try:
                if slot.connection is None:
                    slot.connection = self._open()
                yield slot.connection
            except sqlite3.Error as error:
                raise unavailable(self.path, error) from error

    @contextlib.contextmanager
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
            with slot.lock:
                slot.shut()

    def _new_slot(self) -> _Slot:
        with _gate:
            _create(self.path)
            slot = _Slot()
            _slots.add(slot)
            self._ours.add(slot)
            return slot

    def _open(self) -> sqlite3.Connection:
        # Not bound to the thread, so that `close` and a fork can close it from another; the slot's lock guards it.
        connection = sqlite3.connect(
            self.path, timeout=self._patience, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection


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


def unavailable(path: str, error: sqlite3.Error) -> OutboxUnavailable:
    """The error as callers of an outbox know it."""
    return OutboxUnavailable(f"the outbox {path} cannot be used now: {error}")


def _before_fork() -> None:
    _gate.acquire()
    for slot in list(_slots):
        if slot.lock.acquire(timeout=LONGEST_USE):
            _locked.append(slot)
            slot.shut()


def _after_fork() -> None:
    while _locked:
        _locked.pop().lock.release()
    _gate.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
