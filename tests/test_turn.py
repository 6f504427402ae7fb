"""Taking turns: one thread of a process at a time delivers from a store with one writer."""

from __future__ import annotations

from threading import Event, Thread

import pytest

from pixeltwin.outbox import open_outbox
from pixeltwin.sending.turn import Turn


def test_only_one_thread_is_in_its_turn_and_who_waits_for_a_platform_stands_aside() -> None:
    """A second thread comes in when the first one stands aside, and the first goes on when the second is done."""
    turn = Turn(alone=True)
    came, go, left = Event(), Event(), Event()

    def second() -> None:
        with turn:
            came.set()
            go.wait(10)
            left.set()

    thread = Thread(target=second)
    with turn:
        thread.start()
        assert not came.wait(0.05)
        with turn.aside():
            assert came.wait(10)
            go.set()
        assert left.is_set()
    thread.join()


def test_a_thread_is_back_in_its_turn_when_its_request_fails() -> None:
    """What rises while it stands aside leaves it in its turn, and the turn ends with it."""
    turn = Turn(alone=True)
    with pytest.raises(OSError, match="no route"), turn, turn.aside():
        raise OSError("no route to host")
    came = Event()

    def second() -> None:
        with turn:
            came.set()

    thread = Thread(target=second)
    thread.start()
    assert came.wait(10)
    thread.join()


def test_stores_with_many_writers_have_no_turns() -> None:
    """Any number of threads delivers at once from a store that many can write to at once."""
    turn = Turn(alone=False)
    came = Event()

    def second() -> None:
        with turn:
            came.set()

    with turn:
        thread = Thread(target=second)
        thread.start()
        assert came.wait(10)
    thread.join()


def test_an_sqlite_file_has_one_writer() -> None:
    """Of the back ends the one whose lock is everybody's is delivered from in turns."""
    assert open_outbox("sqlite:///unused.db").one_writer
    assert not open_outbox("memory:").one_writer
