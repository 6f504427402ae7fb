"""`python -m demo_site`: the shop and its sandbox. The environment may say PORT (8000), HOST (127.0.0.1), DEMO_DATA."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from rich.console import Console

from pixeltwin.contract import Platform
from pixeltwin.errors import ConfigurationError

from . import create_app, server
from .settings import is_real
from .tracking import twin

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # what is shown for "all addresses"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo_site", description="The demonstration shop and its sandbox.")
    parser.add_argument("--verbose", action="store_true", help="show every request")
    verbose = parser.parse_args(arguments).verbose
    host = os.environ.get("HOST") or "127.0.0.1"
    port = os.environ.get("PORT") or "8000"
    if not port.isdigit() or int(port) > 65535:
        return _complain(f"PORT={port} is no port number. Try: PORT=8000 make demo")
    try:
        listening = server.listen(host, int(port))
    except OSError as error:
        return _complain(_why_not(error, host, int(port)))
    with listening:
        shown, number = EVERYWHERE.get(host, host), listening.getsockname()[1]
        url = f"http://{f'[{shown}]' if ':' in shown else shown}:{number}"
        try:
            shop = create_app(sandbox=url + server.MOUNT)
        except ConfigurationError as error:
            return _complain(str(error))
        sandboxed = not is_real(os.environ)
        with shop.app_context():
            _welcome(url, twin.tracker.platforms, sandboxed=sandboxed)
        server.run(shop, server.make(shop, listening, with_sandbox=sandboxed, verbose=verbose))
    return 0


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 8000
        return (
            f"Port {port} is taken, perhaps by this shop in another window. Choose another one: PORT={other} make demo"
        )
    return f"Cannot listen on {host}, port {port}: {error.strerror or error}"


def _complain(message: str) -> int:
    Console(stderr=True).print(message, style="bold red", highlight=False, soft_wrap=True)
    return 1


def _welcome(url: str, platforms: Sequence[Platform], *, sandboxed: bool) -> None:
    out = Console(highlight=False)

    def line(label: str, text: str) -> None:
        out.print(f"  [dim]{label:<9}[/] {text}", soft_wrap=True)

    landing = "&".join(f"{platform.click_parameter}={platform.kind[0]}1" for platform in platforms)
    out.print("\n  [bold]Force Four[/] is open, and sells kites.\n")
    line("shop", f"[bold cyan]{url}/[/]")
    if sandboxed:
        line("sandbox", f"[bold cyan]{url}{server.MOUNT}/[/]")
    line("from ads", f"[cyan]{url}/?{landing}[/]")
    line("cached", f"[cyan]{url}/first-kite?{landing}[/]")
    out.print()
    if sandboxed:
        line("try", "come from the ads, accept the cookies, buy a kite, look at the sandbox;")
        line("", "then reload the thank-you page, or buy with cookies refused.")
    else:
        names = ", ".join(platform.title for platform in platforms)
        line("careful", f"[bold]these are the real platforms: {names}[/]. What you buy here, they count.")
    line("stop", "Ctrl+C\n")


if __name__ == "__main__":
    sys.exit(main())
