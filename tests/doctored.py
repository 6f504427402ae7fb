"""What the commands of docs/doctor.md print, made anew: `python -m tests.doctored` writes it into the page."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner
from flask import Flask, Response

from pixeltwin import Consent, Pinterest, Purchase, Reddit, Snap, Tracker
from pixeltwin.cli.doctor import doctor_command
from pixeltwin.cli.quality import quality_command
from pixeltwin.cli.reconcile import reconcile_command
from pixeltwin.config import Settings
from pixeltwin.flask import PixelTwin
from pixeltwin.outbox import Settlement
from pixeltwin.sandbox import create_sandbox
from tests.local_vendor import NOW
from tests.observed import ADA
from tests.samples import SNAP_PIXEL, Clock
from tests.sandboxed import Callers, serving

PAGE = Path(__file__).resolve().parents[1] / "docs" / "doctor.md"
BLOCK = re.compile(r"(<!-- output: (\w+) -->\n```text\n)(.*?)(```)", re.DOTALL)
TOKEN = "Zq81-" + "k3Vb9x" * 8


def outputs() -> dict[str, str]:
    """What each command prints, by the name of its block."""
    with tempfile.TemporaryDirectory() as folder, serving(create_sandbox()) as box:
        return {
            "doctor": _doctor(Path(folder), box),
            "quality": _quality(),
            "reconcile": _reconcile(Path(folder), box),
        }


def written(text: str) -> str:
    """The page with these outputs in it."""
    made = outputs()
    return BLOCK.sub(lambda found: f"{found[1]}{made[found[2]]}{found[4]}", text)


def _platforms(box: Callers | None = None) -> list[Any]:
    def api(kind: Any) -> dict[str, Any]:
        return {"api_url": kind.emulated(f"http://127.0.0.1:{box.port}")["api_url"]} if box else {}

    return [
        Reddit(pixel_id="a2_shop", access_token=TOKEN, **api(Reddit)),
        Snap(pixel_id=SNAP_PIXEL, access_token=TOKEN, **api(Snap)),
        Pinterest(tag_id="2612345678901", ad_account_id="549755885175", access_token=TOKEN, **api(Pinterest)),
    ]


def _doctor(folder: Path, box: Callers) -> str:
    box.fault("snap", "403")
    environ = {"PIXELTWIN_OUTBOX": f"sqlite:///{folder / 'doctor.db'}", "PIXELTWIN_SANDBX": "1"}

    def tracker() -> Tracker:
        return Tracker(_platforms(box), secret_keys=["k" * 32], outbox=environ["PIXELTWIN_OUTBOX"])

    made = tracker()
    made.outbox.migrate()
    made.close()
    with _shop() as url:
        said = _said(doctor_command(lambda: Settings({}, environ), tracker), "--url", url)
    box.fault("snap", None)
    return re.sub(r"\(\d+ ms\)", "(84 ms)", said.replace(url, "https://shop.example/"))


@contextmanager
def _shop() -> Iterator[str]:
    """A shop whose theme brings a pixel of its own, and whose policy was written before there was Pinterest."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="k" * 32, PIXELTWIN_CONSENT="granted", PIXELTWIN_WORKER="off")
    pixels = _platforms()
    tracker = Tracker(pixels, secret_keys=["k" * 32], outbox="memory:")
    policy: dict[str, list[str]] = {"script-src": ["'self'", "'unsafe-inline'"], "connect-src": ["'self'"]}
    for one in pixels[:2]:
        for directive, hosts in one.csp_sources().items():
            policy.setdefault(directive, ["'self'"]).extend(hosts)

    @app.after_request
    def guarded(response: Response) -> Response:
        rules = "; ".join(f"{name} {' '.join(sources)}" for name, sources in policy.items())
        response.headers["Content-Security-Policy"] = rules
        return response

    PixelTwin(app, tracker=tracker)

    @app.get("/")
    def home() -> str:
        theme = "<script>rdt('init', 'a2_shop'); rdt('track', 'PageVisit')</script>"
        return app.jinja_env.from_string(f"<head>{theme}{{{{ pixeltwin.head() }}}}</head>").render()

    with serving(app) as server:
        yield f"http://127.0.0.1:{server.port}/"
    tracker.close()


def _quality() -> str:
    tracker = Tracker(_platforms()[:1], secret_keys=["k" * 32], outbox="memory:", clock=Clock(NOW))
    for days, many in ((0, 118), (3, 94)):
        carried = {
            "all": many,
            "email": many - 9,
            "ip_address": many - 21,
            "user_agent": many - 21,
            "browser_ids": many // 3,
        }
        tracker.outbox.tallies.add(
            NOW.date() - timedelta(days=days), "reddit:a2_shop", {("Purchase", what): n for what, n in carried.items()}
        )
    return _said(quality_command(lambda: tracker))


def _reconcile(folder: Path, box: Callers) -> str:
    """Two days: on the second the thank-you page lost its pixels, and the webhook still reports."""
    clock = Clock(NOW)
    tracker = Tracker(_platforms(box)[2:], secret_keys=["k" * 32], outbox="memory:", clock=clock)
    orders: list[str] = ["Name,Created at"]
    for number in range(24):
        day = NOW.date() - timedelta(days=1 if number < 12 else 0)
        orders.append(f"#{1001 + number},{day}")
        if number % 12 == 11:
            continue  # by telephone
        event = Purchase(order_id=f"#{1001 + number}", value="59.90", currency="EUR")
        conversion = tracker.track(event, visitor=ADA, consent=Consent.granted())
        if number < 12:
            tracker.offer([conversion.id])
            said = {"fired": ["pinterest:549755885175"]} if number < 9 else {"blocked": ["pinterest:549755885175"]}
            tracker.outbox.acknowledge(conversion.id, said.get("fired", []), now=NOW, blocked=said.get("blocked", []))
    for claim in tracker.outbox.claim("pinterest:549755885175", now=NOW, limit=100):
        done = Settlement(claim.row.seq, claim.lease, "delivered")
        tracker.outbox.settle("pinterest:549755885175", [done], now=NOW)
    file = folder / "orders.csv"
    file.write_text("\n".join(orders), encoding="utf-8")
    return _said(reconcile_command(lambda: tracker), str(file))


def _said(command: click.Command, *arguments: str) -> str:
    answer = CliRunner(env={"COLUMNS": "100"}).invoke(command, arguments)
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    return "\n".join(line.rstrip() for line in answer.stdout.strip("\n").splitlines()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), encoding="utf-8")
