"""`pixeltwin migrate`: the outbox's tables, made or upgraded before the new version serves its first page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..outbox import Migration
    from ..tracker import Tracker


def migrate_command(tracker: Callable[[], Tracker]) -> click.Command:
    @click.command("migrate")
    def migrate() -> None:
        """Make or upgrade the outbox's tables. Old rows stay, and processes of the version before can go on meanwhile.

        An SQLite file is upgraded at its first use anyway, and so is PostgreSQL where the role may create tables;
        elsewhere this is run once, as a role that may.
        """
        ours = tracker()
        click.echo(_told(ours.outbox.migrate()))
        ours.close()

    return migrate


def _told(migration: Migration) -> str:
    before, after = migration.before, migration.after
    if before is None:
        return f"The outbox's tables are made (schema {after})."
    if before < after:
        return f"The outbox's tables are upgraded from schema {before} to {after}."
    return f"The outbox's tables are up to date (schema {after})."
