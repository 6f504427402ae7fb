"""Who has an account, and who gets the newsletter."""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    id: str
    first_name: str
    email: str


def sign_up(db: sqlite3.Connection, *, first_name: str, email: str) -> tuple[Account, bool]:
    """The account of this address, and whether it is new."""
    made = db.execute(
        "INSERT INTO accounts (id, first_name, email) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (secrets.token_hex(8), first_name, email),
    )
    row = db.execute("SELECT id, first_name, email FROM accounts WHERE email = ?", (email,)).fetchone()
    return Account(*row), bool(made.rowcount)


def account(db: sqlite3.Connection, account_id: str) -> Account | None:
    row = db.execute("SELECT id, first_name, email FROM accounts WHERE id = ?", (account_id,)).fetchone()
    return Account(*row) if row else None


def subscribe(db: sqlite3.Connection, email: str) -> bool:
    """Whether this address is new on the list."""
    made = db.execute("INSERT INTO subscribers (email) VALUES (?) ON CONFLICT DO NOTHING", (email,))
    return bool(made.rowcount)
