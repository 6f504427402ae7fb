"""An outbox that an older version left is upgraded, and nothing in it is lost.

The files in outbox_version_1 were made by schema version 1: one conversion in each state, named after it.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
from click.testing import CliRunner

from pixeltwin.cli import main
from pixeltwin.errors import ConfigurationError, OutboxUnavailable
from pixeltwin.outbox import Migration, Outbox, open_outbox
from pixeltwin.outbox.contract import RETRIED
from pixeltwin.outbox.sqlite_schema import VERSION
from pixeltwin.outbox.statements import load
from tests import outbox_processes as workers
from tests.outboxes import BLUE, NOW, RED, after, new, put, settle_all, states
from tests.postgresql import fresh_url

OLD = Path(__file__).parent / "outbox_version_1"
FINAL = {"delivered", "refused", "expired", "suppressed", "cancelled"}


def old_sqlite(folder: Path) -> str:
    """The URL of a file as version 1 left it."""
    with closing(sqlite3.connect(folder / "outbox.db")) as connection:
        connection.executescript((OLD / "sqlite.sql").read_text(encoding="utf-8"))
    return f"sqlite:///{folder}/outbox.db"


def old_postgres(folder: Path) -> str:
    """The URL of a schema as version 1 left it."""
    url = fresh_url()
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute((OLD / "postgres.sql").read_bytes())
    return url


def sqlite_2(folder: Path) -> str:
    """The same after its upgrade to version 2."""
    url = old_sqlite(folder)
    with closing(sqlite3.connect(folder / "outbox.db")) as connection:
        connection.executescript(load("sqlite.sql")["migration_2"] + "; UPDATE pixeltwin_schema SET version = 2")
    return url


def postgres_2(folder: Path) -> str:
    """The same after its upgrade to version 2."""
    url = old_postgres(folder)
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute(load("postgres.sql")["migration_2"].encode())
        connection.execute("INSERT INTO pixeltwin_migration (version) VALUES (2)")
    return url


Made = Callable[[Path], str]
BOTH = pytest.mark.parametrize("made", [old_sqlite, old_postgres])


def opened(url: str) -> Outbox:
    outbox = open_outbox(url)
    outbox.set_destinations([RED, BLUE])
    return outbox


def lost(outbox: Outbox) -> list[str]:
    """What is not as version 1 left it."""
    found = {id: halves for id, halves in states(outbox).items() if not id.startswith("id-")}
    named = {id: "delivered" if id == "tombstone" else id.split("-")[0] for id in found}
    wrong = [f"{id}: {halves}" for id, halves in found.items() if halves != {RED: named[id], BLUE: named[id]}]
    erased = {row.id for row in outbox.get(list(found)) if row.visitor is None}
    if erased != {"tombstone", "delivered", "suppressed", "cancelled"}:
        wrong.append(f"erased: {erased}")
    if len(found) != 12 or None in [outbox.find(f"shop:Purchase:{id}") for id in found]:
        wrong.append(f"rows: {sorted(found)}")
    if outbox.notes.find("signals", "1001", now=NOW) != b"kept":
        wrong.append("the note")
    if not any(one.id == "delivered" and one.browser == "acknowledged" for one in outbox.deliveries(limit=1000)):
        wrong.append("what the browser said")
    return wrong


@BOTH
def test_nothing_is_lost_when_an_old_outbox_is_upgraded(made: Made, tmp_path: Path) -> None:
    """Every state, visitor, note, acknowledgement and tombstone of version 1 is there."""
    outbox = opened(made(tmp_path))
    assert outbox.migrate() == Migration(1, VERSION)
    assert outbox.migrate() == Migration(VERSION, VERSION)
    assert lost(outbox) == []
    outbox.close()


@pytest.mark.parametrize("made", [sqlite_2, postgres_2])
def test_nothing_is_lost_when_an_outbox_of_version_2_is_upgraded(made: Made, tmp_path: Path) -> None:
    """What had been acknowledged had fired, and stays so; what a browser says from now on is kept."""
    outbox = opened(made(tmp_path))
    assert outbox.migrate() == Migration(2, VERSION)
    assert lost(outbox) == []
    outbox.acknowledge("delivered", [], blocked=[RED, BLUE], now=NOW)
    assert lost(outbox) == []
    outbox.acknowledge("pending", [RED], blocked=[BLUE], now=NOW)
    assert [one.browser for one in outbox.deliveries(id="pending")] == ["blocked", "acknowledged"]
    outbox.close()


@BOTH
def test_an_upgraded_outbox_goes_on(made: Made, tmp_path: Path) -> None:
    """What was open is delivered, what was held is released, what had ended is taken up again, new rows are taken."""
    outbox = opened(made(tmp_path))  # upgraded by its first use
    outbox.share(RED, lambda kept: b"new in version 2")
    put(outbox, 1)
    assert outbox.release(["held"], "consent", now=NOW) == ["held"]
    assert outbox.retry(now=NOW, states=[*RETRIED, "expired"]) == 6
    taken = {claim.row.id for claim in outbox.claim(RED, now=after(hours=2), limit=100)}
    assert taken == {"held", "refused", "expired", "waiting", "claimed", "pending-again", "pending", "id-1"}
    assert settle_all(outbox, BLUE, "delivered", now=after(hours=2)) == len(taken)
    assert outbox.shared() == {RED: b"new in version 2"}
    outbox.close()


@pytest.mark.parametrize("made", [old_sqlite, pytest.param(old_postgres, marks=pytest.mark.slow)])
def test_processes_that_upgrade_at_once_lose_nothing(made: Made, tmp_path: Path) -> None:
    """Four processes of a new version that begin at the same moment upgrade the outbox once, and all of them write."""
    url = made(tmp_path)
    barrier = workers.processes.Barrier(4)
    together = [workers.start(workers.write_together, url, barrier, first, 50) for first in range(0, 4000, 1000)]
    for process in together:
        process.join(60)
    assert [process.exitcode for process in together] == [0] * 4
    outbox = opened(url)
    assert outbox.migrate() == Migration(VERSION, VERSION)
    assert lost(outbox) == []
    assert sum(id.startswith("id-") for id in states(outbox)) == 200
    outbox.close()


def test_an_upgrade_within_the_shops_transaction_is_the_shops_to_commit(tmp_path: Path) -> None:
    """The first conversion after a deploy may come through the shop's own connection, which has the lock: what it needs
    is read; rolled back, nothing has changed; committed, the outbox is upgraded and the conversion is in it."""
    url = old_sqlite(tmp_path)
    outbox = opened(url)
    with closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as shop:
        for end, version in (("ROLLBACK", 1), ("COMMIT", VERSION)):
            shop.execute("BEGIN IMMEDIATE")
            assert outbox.notes.find("signals", "1001", now=NOW) == b"kept"
            assert outbox.put(new(1), now=NOW, connection=shop).created
            shop.execute(end)
            assert shop.execute("SELECT version FROM pixeltwin_schema").fetchone() == (version,)
    assert lost(outbox) == []
    assert "id-1" in states(outbox)
    outbox.close()


def test_a_connection_in_no_transaction_upgrades_whole_or_not_at_all(tmp_path: Path) -> None:
    """Through a connection that commits each statement by itself, nobody ever sees half an upgrade."""
    outbox = opened(old_sqlite(tmp_path))
    made = set[int]()
    path = tmp_path / "outbox.db"
    with closing(sqlite3.connect(path)) as shop, closing(sqlite3.connect(path)) as other:
        tables = "SELECT count(*) FROM sqlite_master"
        before = other.execute(tables).fetchone()[0]
        shop.set_trace_callback(lambda _: made.add(other.execute(tables).fetchone()[0]))
        outbox.put(new(1), now=NOW, connection=shop)
        shop.set_trace_callback(None)
        shop.commit()
        assert made <= {before, other.execute(tables).fetchone()[0]}
    assert lost(outbox) == []
    outbox.close()


@pytest.mark.skipif(sys.platform == "win32", reason="PostgreSQL's role")
def test_a_role_that_may_not_upgrade_is_told_of_the_command(tmp_path: Path) -> None:
    """Where the role owns no tables, the error names the command that makes the upgrade and what it needs; what the
    command makes the role may use as the tables before, and where it may not, the error says what to grant."""
    url = old_postgres(tmp_path)
    import psycopg

    role = f"reader_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as owner:
        schema = owner.execute("SELECT current_schema()").fetchone()[0]  # type: ignore[index]
        owner.execute(f"CREATE ROLE {role} LOGIN".encode())
        owner.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}".encode())
        owner.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}".encode())
        try:
            outbox = opened(url.replace("//postgres@", f"//{role}@"))
            with pytest.raises(ConfigurationError, match="pixeltwin migrate"):
                put(outbox, 1)
            ours = opened(url)
            assert ours.migrate() == Migration(1, VERSION)
            put(outbox, 1)
            outbox.decisions.record("somebody", b"yes", now=NOW)
            outbox.tallies.add(NOW.date(), RED, {("Purchase", "email"): 1})
            assert outbox.decisions.latest(["somebody"])["somebody"].data == b"yes"
            assert lost(ours) == []
            outbox.purge(now=NOW)
            owner.execute(f"REVOKE SELECT ON pixeltwin_delivery FROM {role}".encode())
            with pytest.raises(OutboxUnavailable, match=r"for table pixeltwin_delivery\. Grant the role"):
                outbox.counts()
            ours.close()
            outbox.close()
        finally:
            owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


@pytest.mark.skipif(sys.platform == "win32", reason="PostgreSQL's role")
@pytest.mark.parametrize("shared", [False, True])
def test_an_upgrade_by_another_role_keeps_who_may_do_what(tmp_path: Path, shared: bool) -> None:
    """The owner of the tables may use what another made for him, also where he has granted nothing; who was granted
    something has it on new tables as it was granted, and on old ones no more than was left to him."""
    url = old_postgres(tmp_path)
    import psycopg

    shop, analyst = f"owner_{os.getpid()}", f"analyst_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as root:
        schema = root.execute("SELECT current_schema()").fetchone()[0]  # type: ignore[index]
        root.execute(
            f"CREATE ROLE {shop} LOGIN; CREATE ROLE {analyst}; GRANT USAGE ON SCHEMA {schema} TO {shop}".encode()
        )

        def may(role: str, privilege: str, table: str) -> bool:
            asked = f"SELECT has_table_privilege('{role}', '{table}', '{privilege}')"
            return bool(root.execute(asked.encode()).fetchone()[0])  # type: ignore[index]

        try:
            for (name,) in root.execute(f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'".encode()):
                root.execute(f"ALTER TABLE {name} OWNER TO {shop}".encode())
            if shared:
                for grant in (
                    f"SELECT ON pixeltwin_conversion TO {analyst} WITH GRANT OPTION",
                    "UPDATE ON pixeltwin_conversion TO PUBLIC",
                ):
                    root.execute(f"GRANT {grant}".encode())
            ours = opened(url)
            ours.migrate()
            ours.close()
            outbox = opened(url.replace("//postgres@", f"//{shop}@"))
            put(outbox, 1)
            outbox.decisions.record("somebody", b"yes", now=NOW)
            outbox.tallies.add(NOW.date(), RED, {("Purchase", "email"): 1})
            outbox.purge(now=NOW)
            outbox.close()
            assert may(analyst, "SELECT WITH GRANT OPTION", "pixeltwin_tally") == shared
            assert may(analyst, "UPDATE", "pixeltwin_tally") == shared
            assert not may(analyst, "UPDATE WITH GRANT OPTION", "pixeltwin_tally")
            assert not may(analyst, "SELECT", "pixeltwin_delivery")
        finally:
            root.execute(f"DROP OWNED BY {shop}, {analyst}; DROP ROLE {shop}, {analyst}".encode())


@pytest.mark.skipif(sys.platform == "win32", reason="PostgreSQL's role")
def test_a_role_needs_what_the_page_says() -> None:
    """With the grants that docs/delivery.md shows a role that owns nothing puts, delivers, erases and counts; without,
    the error says what to grant."""
    url = fresh_url()
    import psycopg

    role = f"shop_{os.getpid()}"
    page = (Path(__file__).parents[1] / "docs" / "delivery.md").read_text(encoding="utf-8")
    grants = page.partition("```sql")[2].partition("```")[0].replace("TO shop", f"TO {role}")
    ours = opened(url)
    ours.migrate()
    with psycopg.connect(url, autocommit=True) as owner:
        schema = owner.execute("SELECT current_schema()").fetchone()[0]  # type: ignore[index]
        owner.execute(f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role}".encode())
        outbox = opened(url.replace("//postgres@", f"//{role}@"))
        try:
            with pytest.raises(OutboxUnavailable, match=r"for table pixeltwin_migration\. Grant the role .* tables"):
                put(outbox, 1)
            owner.execute(grants.replace("SCHEMA public", f"SCHEMA {schema}").encode())
            put(outbox, 1, 2)
            put(outbox, 3, held=("consent",))
            outbox.notes.keep("signals", "1001", b"kept", now=NOW)
            outbox.decisions.record("somebody", b"yes", now=NOW)
            outbox.tallies.add(NOW.date(), RED, {("Purchase", "email"): 1})
            outbox.acknowledge("id-1", [RED], now=NOW)
            assert outbox.release(["id-3"], "consent", now=NOW) == ["id-3"]
            assert settle_all(outbox, RED, "delivered") == 3
            assert outbox.cancel(["id-2"], now=NOW, reason="sent back") == 1
            assert outbox.purge(now=after(days=1000)) > 0
            assert outbox.counts()[RED].keys() <= {"delivered"}
        finally:
            outbox.close()
            ours.close()
            owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


@pytest.mark.skipif(sys.platform == "win32", reason="PostgreSQL's locks")
def test_an_upgrade_behind_a_backup_names_it_and_holds_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a backup reads all tables, one request waits 0.25 s for the upgrade, those that came with it no longer, and
    later ones not at all; the command says who is in the way, and afterwards it upgrades."""
    url = postgres_2(tmp_path)
    import psycopg

    from pixeltwin.outbox import postgres_waiting

    outbox = opened(url)
    with psycopg.connect(url, application_name="pg_dump") as backup:
        backup.execute("LOCK TABLE pixeltwin_destination, pixeltwin_acknowledged IN ACCESS SHARE MODE")
        for many, longest in ((8, 1.5), (1, 0.1)):
            began = monotonic()
            with ThreadPoolExecutor(many) as threads:
                for told in [threads.submit(put, outbox, number) for number in range(many)]:
                    with pytest.raises(OutboxUnavailable, match=rf"{backup.info.backend_pid} \(pg_dump\)"):
                        told.result()
            assert monotonic() - began < longest
        with pytest.raises(OutboxUnavailable, match="pg_terminate_backend"):
            outbox.migrate()
    monkeypatch.setattr(postgres_waiting, "monotonic", lambda: monotonic() + postgres_waiting.AFTERWARDS)
    assert outbox.migrate() == Migration(2, VERSION)
    put(outbox, 1)
    assert lost(outbox) == []
    outbox.close()


@pytest.mark.skipif(sys.platform == "win32", reason="PostgreSQL's locks")
def test_a_request_that_comes_while_another_upgrades_waits_for_it(tmp_path: Path) -> None:
    """A step of an upgrade may take longer than a request's statements."""
    url = postgres_2(tmp_path)
    import psycopg

    outbox = opened(url)
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as thread:
        other.execute(load("postgres.sql")["lock"].encode())
        made = thread.submit(put, outbox, 1)
        assert not wait([made], 0.8).done
        other.rollback()
        made.result()
    outbox.close()


def test_the_command_says_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`pixeltwin migrate` upgrades, makes what is not there, and says so; a second time there is nothing to do."""
    monkeypatch.setenv("PIXELTWIN_SECRET_KEYS", "k" * 32)
    monkeypatch.setenv("PIXELTWIN_REDDIT_PIXEL_ID", "a2_shop")

    def run(url: str) -> str:
        monkeypatch.setenv("PIXELTWIN_OUTBOX", url)
        answer = CliRunner().invoke(main, ["migrate"])
        assert answer.exit_code == 0, answer.output
        return answer.output

    old = old_sqlite(tmp_path)
    assert f"from schema 1 to {VERSION}" in run(old)
    assert "up to date" in run(old)
    assert "are made" in run(f"sqlite:///{tmp_path}/fresh.db")


def test_an_upgrade_of_many_rows_takes_a_moment(tmp_path: Path) -> None:
    """A million server halves in the old file: the upgrade adds, and rewrites nothing; requests wait for it less than
    their patience allows."""
    url = old_sqlite(tmp_path)
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as connection, connection:
        connection.execute(
            "WITH RECURSIVE n(seq) AS (SELECT 100 UNION ALL SELECT seq + 1 FROM n WHERE seq < 100000) "
            "INSERT INTO pixeltwin_delivery SELECT 1, seq, 'delivered', NULL, 1, NULL, '', 0 FROM n"
        )
    outbox = opened(url)
    began = os.times().elapsed
    assert outbox.migrate() == Migration(1, VERSION)
    assert timedelta(seconds=os.times().elapsed - began) < timedelta(seconds=5)
    outbox.close()
