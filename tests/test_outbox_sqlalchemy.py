"""A conversion in the transaction of an SQLAlchemy session, on an SQLite file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixeltwin.outbox import open_outbox
from tests.outboxes import NOW, RED, new, put


@pytest.mark.parametrize("first_use", [True, False])
@pytest.mark.parametrize("orders_first", [True, False])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_order_and_conversion_commit_together_in_a_session(
    tmp_path: Path, end: str, orders_first: bool, first_use: bool
) -> None:
    """Through a session's connection, order and conversion are both there or neither is, whichever comes first."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    from sqlalchemy.orm import Session

    url = f"sqlite:///{tmp_path}/shop.db"
    outbox = open_outbox(url)
    outbox.set_destinations([RED])
    if not first_use:
        put(outbox, 2)
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE orders (id text)"))
    with Session(engine) as session:
        order = sqlalchemy.text("INSERT INTO orders VALUES ('1')")
        if orders_first:
            session.execute(order)
        outbox.put(new(1), now=NOW, connection=session.connection())
        if not orders_first:
            session.execute(order)
        getattr(session, end)()
    with engine.connect() as connection:
        orders = connection.execute(sqlalchemy.text("SELECT count(*) FROM orders")).scalar()
    engine.dispose()
    assert len(outbox.get(["id-1"])) == orders == (end == "commit")
    outbox.close()
