"""Asks a page again and again over eight connections: wrk where it is installed, else `python -m benchmarks.load`,
which
takes more of the machine from the server that is measured."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

from .goods import AGENT

CONNECTIONS = 8


def generator() -> str:
    """Which one asks here."""
    return "wrk" if shutil.which("wrk") else "python -m benchmarks.load"


def requests_per_second(url: str, seconds: float) -> float:
    """How many the page answers with 200. `RuntimeError` when it answered others."""
    if shutil.which("wrk"):
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
        command = ["wrk", *options, "-H", f"User-Agent: {AGENT}", url]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "Non-2xx" in said:
            raise RuntimeError(said)
        found = re.search(r"Requests/sec:\s+([\d.]+)", said)
        assert found, said
        return float(found[1])
    command = [sys.executable, "-m", "benchmarks.load", url, str(seconds)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _ask(url: str, until: float, answered: list[int]) -> None:
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    message = f"GET / HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: {AGENT}\r\nConnection: close\r\n\r\n".encode()
    count = 0
    while time.monotonic() < until:
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
            connection.sendall(message)
            first = connection.recv(65536)
            while connection.recv(65536):
                pass
        if b" 200 " not in first[:20]:
            raise RuntimeError(first.decode("latin-1"))
        count += 1
    answered.append(count)


def main() -> None:
    url, seconds = sys.argv[1], float(sys.argv[2])
    answered: list[int] = []
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=_ask, args=(url, until, answered)) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(answered) < CONNECTIONS:
        raise SystemExit("some requests failed")
    print(sum(answered) / seconds)


if __name__ == "__main__":
    main()
