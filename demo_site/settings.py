"""The shop's configuration, and the only place of it that names platforms.

Out of the box everything goes to the sandbox under made-up ids. Set any of these in the environment, and the platforms
whose ids are there are used for real, the others not at all, and the sandbox stays empty:

    PIXELTWIN_REDDIT_PIXEL_ID       PIXELTWIN_REDDIT_ACCESS_TOKEN
    PIXELTWIN_SNAP_PIXEL_ID         PIXELTWIN_SNAP_ACCESS_TOKEN
    PIXELTWIN_PINTEREST_TAG_ID      PIXELTWIN_PINTEREST_AD_ACCOUNT_ID      PIXELTWIN_PINTEREST_ACCESS_TOKEN

DEMO_DATA is the folder of the shop's databases and its secret key (default: demo_site/instance).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REAL = ("PIXELTWIN_REDDIT_", "PIXELTWIN_SNAP_", "PIXELTWIN_PINTEREST_")
MADE_UP = {
    "PIXELTWIN_REDDIT_PIXEL_ID": "a2_forcefour",
    "PIXELTWIN_REDDIT_ACCESS_TOKEN": "sandbox-reddit",
    "PIXELTWIN_SNAP_PIXEL_ID": "f0f4f0f4-0004-4004-8004-f0f4f0f4f0f4",
    "PIXELTWIN_SNAP_ACCESS_TOKEN": "sandbox-snap",
    "PIXELTWIN_PINTEREST_TAG_ID": "2612000000004",
    "PIXELTWIN_PINTEREST_AD_ACCOUNT_ID": "549750000004",
    "PIXELTWIN_PINTEREST_ACCESS_TOKEN": "sandbox-pinterest",
}


def is_real(environ: Mapping[str, str]) -> bool:
    """Whether the environment names a real pixel or account."""
    return any(value and name.startswith(REAL) for name, value in environ.items())


def data_folder(environ: Mapping[str, str]) -> Path:
    """Where the databases and the secret key are kept."""
    return Path(environ.get("DEMO_DATA") or Path(__file__).parent / "instance").resolve()


def settings(data: Path, *, sandbox: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """The configuration of the application: its own, and pixeltwin's."""
    found: dict[str, Any] = {
        "SECRET_KEY": secret_key(data),
        "SESSION_COOKIE_NAME": "shop_session",
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SHOP_DATABASE": data / "shop.db",
        "PIXELTWIN_OUTBOX": f"sqlite:///{data / 'shop.db'}",  # an order and its conversions commit together
        "PIXELTWIN_KEEP_PARAMETERS": ("q",),  # a search can be reloaded
    }
    if not is_real(environ):
        found |= MADE_UP
        found["PIXELTWIN_SANDBOX"] = sandbox
    return found


def secret_key(data: Path) -> str:
    """The key that signs the session and derives the ids: made once, the same after every restart."""
    data.mkdir(parents=True, exist_ok=True)
    path = data / "secret_key"
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii")
