"""A private PostgreSQL with its settings as they come, durable that is; none where the machine has no server."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

ACCOUNT = "postgres"  # root cannot run PostgreSQL; Debian's package makes this account


class PostgreSQL:
    """Started on entering, ended and removed on leaving. `url` is empty where there is no server to start."""

    url = ""

    def __enter__(self) -> PostgreSQL:
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
        on_path = shutil.which("pg_ctl")
        self._binaries = folders[-1].parent if folders else Path(on_path).parent if on_path else None
        if self._binaries is not None:
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.url:
            self._run("pg_ctl", "stop", "-m", "fast", "-w", "-s")
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="pixeltwin-benchmarks-pg-")
        self._account: list[str] = []
        if os.getuid() == 0:
            shutil.chown(self._folder, ACCOUNT)
            self._account = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups"]
        self._run("initdb", "-U", ACCOUNT, "-A", "trust", "-E", "UTF8")
        options = f"-c listen_addresses= -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "start", "-w", "-s", "-l", f"{self._folder}/log", "-o", options)
        self.url = f"postgresql://{ACCOUNT}@/postgres?host={self._folder}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._account, f"{self._binaries}/{program}", "-D", f"{self._folder}/data", *arguments]
        done = subprocess.run(
            command, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout.decode(errors='replace')}")


def database(server: str, name: str, *, template: str = "template0") -> str:
    """Make a database anew, as a copy of another; its URL."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return server.replace("/postgres?", f"/{name}?")
