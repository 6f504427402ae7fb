"""Taking turns: one thread of a process at a time delivers from a store with one writer."""

from __future__ import annotations

from threading import Event, Thread
from time import sleep

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


def test_turns_are_taken_in_the_order_in_which_threads_came() -> None:
    """Who stood aside comes in again behind those who wait, however quick he is."""
    turn = Turn(alone=True)
    came: list[str] = []

    def other(name: str) -> None:
        with turn:
            came.append(name)

    threads = [Thread(target=other, args=(name,)) for name in "abc"]
    with turn:
        for many, thread in enumerate(threads, 2):
            thread.start()
            while len(turn._line) < many:
                sleep(0.001)
        with turn.aside():
            pass
        came.append("first")
    for thread in threads:
        thread.join()
    assert came == ["a", "b", "c", "first"]


def test_a_thread_may_enter_its_turn_again_and_leaves_it_at_the_end() -> None:
    """A site's own code may deliver while it is told of a delivery."""
    turn = Turn(alone=True)
    came = Event()

    def second() -> None:
        with turn:
            came.set()

    thread = Thread(target=second)
    with turn:
        with turn:
            thread.start()
        assert not came.wait(0.05)
    assert came.wait(10)
    thread.join()


def test_who_is_interrupted_while_he_waits_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the wait for a turn, and the turn goes on to those behind."""
    turn = Turn(alone=True)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    def second() -> None:
        with pytest.raises(KeyboardInterrupt), turn:
            pass

    with turn:
        with monkeypatch.context() as patched:
            patched.setattr(turn._moved, "wait_for", interrupted)
            thread = Thread(target=second)
            thread.start()
            thread.join()
        with turn.aside():
            pass


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
