"""The durable queue. `open_outbox` finds the back end from a URL; nothing else knows which one it is."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from ..errors import ConfigurationError
from .contract import Claim, DeliveryState, Heard, Migration, NewRow, Outbox, Put, Settlement, Stored

__all__ = [
    "Claim",
    "DeliveryState",
    "Heard",
    "Migration",
    "NewRow",
    "Outbox",
    "Put",
    "Settlement",
    "Stored",
    "open_outbox",
]

_FORMS = (
    "sqlite:///relative/path.db, sqlite:////absolute/path.db (either with ?synchronous=FULL), "
    "postgresql://user:password@host/database, or memory:"
)


def open_outbox(url: str) -> Outbox:
    """The outbox at a URL. Nothing is read or written yet.

    `sqlite:///pixeltwin.db` is a file below the current folder, `sqlite:////var/lib/shop/pixeltwin.db` one anywhere;
    `?synchronous=FULL` makes it outlive a power cut. `postgresql://user:password@host/database` is a database of any
    number of hosts (a libpq URL; needs `pip install 'pixeltwin[postgres]'`). `memory:` is for tests: it belongs to this
    process and ends with it. Anything else is a `ConfigurationError`.
    """
    if url == "memory:":
        from .memory import MemoryOutbox

        return MemoryOutbox()
    if url.startswith(("postgres://", "postgresql://")):
        return _postgres(url)
    try:
        parts = urlsplit(url)
    except ValueError:  # its words may quote a password
        raise ConfigurationError(f"the outbox must be {_FORMS}") from None
    path = unquote(parts.path[1:])
    if parts.scheme != "sqlite" or parts.netloc or path in ("", ":memory:"):
        raise ConfigurationError(f"the outbox must be {_FORMS}")
    from .sqlite import SQLiteOutbox

    settings = dict(parse_qsl(parts.query, keep_blank_values=True))
    synchronous = settings.pop("synchronous", "NORMAL").upper()
    if settings or synchronous not in ("NORMAL", "FULL"):
        raise ConfigurationError("the outbox URL takes one setting: ?synchronous=NORMAL or ?synchronous=FULL")
    return SQLiteOutbox(path, full=synchronous == "FULL")


def _postgres(url: str) -> Outbox:
    try:
        from .postgres import PostgresOutbox
    except ImportError as error:
        raise ConfigurationError(
            "an outbox in PostgreSQL needs psycopg 3: pip install 'pixeltwin[postgres]'"
        ) from error
    return PostgresOutbox(url)
