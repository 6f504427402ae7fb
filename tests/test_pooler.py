"""A pooler between the outbox and PostgreSQL: PgBouncer, where the machine has it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import postgresql
from tests.test_doctor import examined

psycopg = pytest.importorskip("psycopg", reason=postgresql.NONE)
PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SETTINGS = """[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listening}
auth_type = any
pool_mode = {mode}
unix_socket_dir =
"""


@contextmanager
def pooler(folder: Path, mode: str) -> Generator[str]:
    """The URL of the tests' server behind a pooler."""
    server = psycopg.conninfo.conninfo_to_dict(postgresql.server())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = folder / "pgbouncer.ini"
    settings.write_text(SETTINGS.format(**{"port": "5432", **server}, listening=port, mode=mode))
    account = ["setpriv", f"--reuid={postgresql.ACCOUNT}", "--clear-groups"] if os.getuid() == 0 else []
    with settings.open("rb") as text:  # the account may not enter this folder
        running = subprocess.Popen([*account, str(PGBOUNCER), "-q", "/dev/stdin"], stdin=text, stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 10
        while running.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield f"postgresql://{server['user']}@127.0.0.1:{port}/{server['dbname']}"
    finally:
        running.kill()
        running.communicate()


@pytest.mark.skipif(PGBOUNCER is None, reason="NO PGBOUNCER: apt-get install pgbouncer")
@pytest.mark.parametrize(("mode", "found"), [("session", ["ok"]), ("transaction", ["ok", "warning"])])
def test_the_doctor_knows_a_pooler_that_keeps_no_sessions(tmp_path: Path, mode: str, found: list[str]) -> None:
    """One that lends a connection for a transaction is a warning; one that keeps sessions is none."""
    with pooler(tmp_path, mode) as url:
        seen = examined(tmp_path, PIXELTWIN_OUTBOX=url)
    assert [one.severity for one in seen if one.check == "outbox"] == found


def test_a_server_without_a_pooler_keeps_its_sessions(tmp_path: Path) -> None:
    """Nobody is told of a pooler that is not there."""
    seen = examined(tmp_path, PIXELTWIN_OUTBOX=postgresql.fresh_url())
    assert [one.severity for one in seen if one.check == "outbox"] == ["ok"]
