"""The schema of the PostgreSQL outbox: its migrations, where its tables are, and the destinations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import errors

from ..errors import ConfigurationError, OutboxUnavailable
from .contract import Migration
from .postgres_connections import GRANTS, Session

VERSION = 5  # the last migration in postgres.sql
MAKING = 5.0  # seconds each step of a migration may take, also when it is a request that comes first
# Seconds a migration waits for a table at most, for others wait behind it; autovacuum gives way after one.
LOCKING = 2.0


@dataclass(frozen=True, slots=True)
class Ready:
    """What an outbox has to know of its database: the schema its tables are in, quoted for SQL, and the numbers of the
    destinations that its new rows are for."""

    schema: str
    destinations: list[int]


def make_ready(own: Session, destinations: Sequence[str]) -> Ready:
    """Make what is missing: tables and destinations.

    The tables are made in the first schema on the connection's search path, unless they are found further behind. Any
    number of processes may come at once.
    """
    migrate(own)
    found = own.row("place")
    assert found is not None
    names = list(destinations)
    numbers = own.rows("numbers", names=names)
    if len(numbers) < len(names):
        for name in names:
            own.run("add_destination", name=name)
        numbers = own.rows("numbers", names=names)
    return Ready(found[0], sorted(number for (number,) in numbers))


def migrate(own: Session) -> Migration:
    """Bring the schema up to date; where it is, this only looks."""
    before = _version(own)
    if before is None or before < VERSION:
        before = _upgrade(own)
    return Migration(before, max(before or 0, VERSION))


def _version(own: Session) -> int | None:
    if not own.row("place"):
        return None
    row = own.row("version")
    version: int = row[0] if row else 0
    if version > VERSION and own.rows("oldest_version")[0][0] > VERSION:
        raise OutboxUnavailable(  # an old process while a new version is deployed: its pages go on
            f"the outbox was made by a newer pixeltwin (schema {version}, this one knows {VERSION}); upgrade "
            "pixeltwin, or name another database"
        )
    return version


def _upgrade(own: Session) -> int | None:
    try:
        return _make(own)
    except (errors.InsufficientPrivilege, errors.InvalidSchemaName) as error:
        raise ConfigurationError(
            f"the outbox's tables cannot be made: {error.diag.message_primary}. Run `pixeltwin migrate` once as a role "
            f"that may create tables, and grant this one {GRANTS}"
        ) from error
    except errors.LockNotAvailable as error:
        told = OutboxUnavailable(f"the outbox's tables cannot be upgraded now: {_blockers(own)}")
        own.patience.was_in_vain(told)
        raise told from error


def _make(own: Session) -> int | None:
    times = own.patience.times
    with own.patient(MAKING):
        own.run("lock")
        if own.patience.times > times:  # another thread had the lock, and then waited in vain for a table
            own.patience.check()
        before = _version(own)  # another process may have been faster
        if before is None or before < VERSION:
            there = [name for (name,) in own.rows("tables")]
            own.limit("lock_timeout", min(own.patience.seconds, LOCKING))
            for version in range((before or 0) + 1, VERSION + 1):
                own.script(f"migration_{version}")
                own.run("add_migration", version=version)
            for (grant,) in own.rows("grants", there=there):
                own.connection.execute(grant.encode())
    return before


def _blockers(own: Session) -> str:
    found = [f"process {pid} ({name or user})" for pid, name, user in own.rows("blockers")]
    if not found:
        return "somebody had one of them locked. Run `pixeltwin migrate` again"
    return (
        f"{' and '.join(found)} of the database has one of them locked. Where that is a backup, wait for its end; a "
        "forgotten session is ended by SELECT pg_terminate_backend(<process>). Then run `pixeltwin migrate`"
    )
