"""Reconciliation: the shop's own orders against what became of them, with every gap named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin import Consent, Purchase, Tracker
from pixeltwin.cli.reconcile import reconcile_command
from pixeltwin.errors import ConfigurationError, InvalidInput
from pixeltwin.insight.orders import Order, from_csv, loaded
from pixeltwin.insight.reconciliation import CHANNELS, ENOUGH, GAPS, Line, Reconciliation, reconcile
from pixeltwin.outbox.states import SERVER_MOVES
from tests.local_vendor import NOW, Vendor
from tests.observed import ADA, Shop, refuses

DAY = NOW.date()
ONE = timedelta(days=1)


@pytest.fixture(name="shop")
def shop_with_a_vendor() -> Iterator[Shop]:
    with Vendor() as vendor:
        shop = Shop(vendor)
        yield shop
        shop.tracker.close()


def only(found: Reconciliation) -> Line:
    (line,) = found.lines
    return line


def looked_up(shop: Shop, *keys: str) -> Line:
    return only(reconcile(shop.tracker, [Order(key, DAY) for key in keys]))


# --- orders ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "order_id,created_at,total\n1001,2026-08-20T23:30:00Z,59.90\n1002,2026-08-20,1\n",
        "\ufeffName;Created at;Email\n1001;2026-08-20 10:00:00 +0000;ada@example.com\n1002;2026-08-20;x\n",
        'Total\tOrder Number\tDate\n"1\t000"\t1001\t2026-08-20\n2\t1002\t2026-08-20\n',
        "order_id,at\n1001,2026-08-20\n1002,2026-08-20T01:00:00+00:00\n",
        "Order ID,day\n1001,2026-08-20\n1001,2026-08-20\n\n 1002 ,2026-08-20\n",
    ],
)
def test_exports_of_shops_are_read_as_they_are(text: str) -> None:
    """Number and day are found by the usual names, whatever the delimiter; a line an item is one order."""
    assert list(from_csv(text.splitlines(keepends=True))) == [Order("1001", DAY), Order("1002", DAY)]


def test_other_columns_are_named_and_wrong_ones_refused() -> None:
    """A column can be named, and one that is not there gives the names of those that are."""
    lines = ["Beleg,Datum\n", "1001,2026-08-20\n"]
    assert list(from_csv(lines, number="beleg", day="Datum")) == [Order("1001", DAY)]
    for options in ({}, {"number": "order"}, {"number": "Beleg", "day": "when"}):
        with pytest.raises(InvalidInput, match="Beleg"):
            list(from_csv(lines, **options))
    with pytest.raises(InvalidInput, match="name it with --number, of Beleg, Datum"):
        list(from_csv(lines))
    for nothing in ([], ["\ufeff"]):
        with pytest.raises(InvalidInput, match="the file is empty"):
            list(from_csv(nothing))


def test_a_loader_may_give_what_it_has() -> None:
    """Orders, numbers, pairs and mappings are all taken; a time counts under its day in UTC."""
    late = datetime(2026, 8, 21, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    given_orders = [Order("1", DAY), 2, ("3", late), {"order_id": "4", "at": DAY}, {"order_id": 5}, ("6", "no day")]
    assert list(loaded(given_orders)) == [
        Order("1", DAY),
        Order("2"),
        Order("3", DAY),
        Order("4", DAY),
        Order("5"),
        Order("6"),
    ]


@given(st.text(max_size=300))
def test_no_file_breaks_the_reader(text: str) -> None:
    """Whatever a file holds, it is read or refused."""
    try:
        orders = list(from_csv(text.splitlines(keepends=True)))
    except InvalidInput:
        return
    assert all(order.key == order.key.strip() != "" for order in orders)


# --- gaps -----------------------------------------------------------------------------------------------------------


def test_each_gap_is_named(shop: Shop) -> None:
    """Orders that were never tracked, shown, confirmed or accepted are told apart, and so is what is on its way."""
    for key in ("fired", "shown", "blocked", "webhook"):
        conversion = shop.order(key)
        if key != "webhook":
            shop.tracker.offer([conversion.id])
        if key == "fired":
            shop.tracker.outbox.acknowledge(conversion.id, ["local:a1"], now=NOW)
        if key == "blocked":
            shop.tracker.outbox.acknowledge(conversion.id, [], blocked=["local:a1"], now=NOW)
    shop.deliver()
    shop.vendor.script = refuses("no such product")
    shop.order("refused")
    shop.deliver()
    shop.order("waiting")
    shop.tracker.hold(Purchase(order_id="held", value="1", currency="EUR"), visitor=ADA, consent=Consent.granted())
    line = looked_up(shop, "fired", "shown", "blocked", "webhook", "refused", "waiting", "held", "elsewhere")
    assert (line.orders, line.tracked, line.rendered, line.acknowledged, line.accepted) == (8, 7, 3, 1, 4)
    assert dict(line.gaps) == {
        "held": 1,
        "never returned": 4,
        "never tracked": 1,
        "not confirmed": 1,
        "on its way": 1,
        "pixel blocked": 1,
        "refused (other)": 1,
    }
    assert line.counted == 4


def test_what_was_erased_is_still_known(shop: Shop) -> None:
    """Weeks after the personal data is gone, an order's halves are told as on the first day."""
    conversion = shop.order("1")
    shop.tracker.offer([conversion.id])
    shop.deliver()
    before = looked_up(shop, "1")
    shop.clock.advance(days=60)
    shop.tracker.outbox.purge(now=shop.clock.now)
    (row,) = shop.tracker.outbox.get([conversion.id])
    assert row.record is None and looked_up(shop, "1") == before


def test_days_are_the_shops_or_else_the_conversions(shop: Shop) -> None:
    """An order without a day counts under the day on which it was tracked; one that is not known at all comes first."""
    shop.order("1")
    found = reconcile(shop.tracker, [Order("1"), Order("2"), Order("3", DAY - ONE)])
    assert [line.day for line in found.lines] == [None, DAY - ONE, DAY]


def test_another_event_or_site_is_not_this_order(shop: Shop) -> None:
    """Only purchases of this very site are the orders of its shop."""
    with Vendor() as vendor:
        other = Shop(vendor, site="other")
        other.order("1")
        assert only(reconcile(other.tracker, [Order("1", DAY)])).tracked == 1
        other.tracker.close()
    assert looked_up(shop, "1").tracked == 0


def test_every_state_has_an_explained_gap() -> None:
    """Whatever state a half can end in, there are words for it."""
    assert {"refused", "expired", "suppressed", "cancelled", "held"} <= set(GAPS)
    assert set(SERVER_MOVES) - set(GAPS) == {"pending", "claimed", "waiting", "delivered"}


# --- alarms ---------------------------------------------------------------------------------------------------------


def lines(*shares: tuple[int, int]) -> Reconciliation:
    """Days with so many orders, and so many of them accepted."""
    days = [
        Line(DAY + place * ONE, "local", orders, orders, 0, 0, accepted)
        for place, (orders, accepted) in enumerate(shares)
    ]
    return Reconciliation(tuple(days))


def test_a_share_that_falls_raises_an_alarm() -> None:
    """A channel that loses a third of its share from one day to the next is named; small days and rises are not."""
    (alarm,) = lines((100, 95), (100, 93), (100, 40)).alarms
    assert alarm.channel == "accepted" and "40%" in str(alarm) and "94%" in str(alarm)
    assert not lines((100, 95), (100, 90)).alarms
    assert not lines((100, 20), (100, 90)).alarms
    assert not lines((100, 95), (ENOUGH - 1, 0)).alarms
    assert not lines((100, 0)).alarms


@given(st.lists(st.integers(0, 500).flatmap(lambda orders: st.tuples(st.just(orders), st.integers(0, orders)))))
def test_alarms_are_only_raised_for_what_is_less_than_before(shares: list[tuple[int, int]]) -> None:
    """Whatever the days were, an alarm's share is below the one before it, and there is one a channel at most."""
    found = lines(*shares)
    assert all(alarm.share < alarm.before for alarm in found.alarms)
    assert len({alarm.channel for alarm in found.alarms}) == len(found.alarms) <= len(CHANNELS)
    assert json.loads(json.dumps(found.to_dict()))["alarms"] == [str(alarm) for alarm in found.alarms]


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_reads_a_file_and_fails_on_an_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table by day and platform, the gaps with what they mean, and exit status 1 when a share has fallen."""
    with Vendor() as vendor:

        def tracker() -> Tracker:
            outbox = f"sqlite:///{tmp_path / 'x.db'}"
            return Tracker([vendor.platform()], secret_keys=["k"], outbox=outbox, clock=lambda: NOW)

        ours = tracker()
        for number in range(ENOUGH):
            event = Purchase(order_id=str(number), value="1", currency="EUR")
            ours.track(event, visitor=ADA, consent=Consent.granted())
        ours.deliver()
        ours.close()
        rows = [f"{number},2026-08-20" for number in range(ENOUGH)]
        (tmp_path / "orders.csv").write_text("\n".join(["order_id,day", *rows]), encoding="utf-8")
        command, runner = reconcile_command(tracker), CliRunner(env={"COLUMNS": "160"})
        good = runner.invoke(command, [str(tmp_path / "orders.csv")])
        assert good.exit_code == 0 and "10 (100%)" in good.output and "never returned: no page showed" in good.output
        for columns in ("40", "60", "80"):
            narrow = CliRunner(env={"COLUMNS": columns}).invoke(command, [str(tmp_path / "orders.csv")]).output
            assert all(word in narrow for word in ("2026-08-20", "local", "10", "(100%)")), narrow
            assert max(map(len, narrow.splitlines())) <= int(columns)
        lost = [f"x{number},2026-08-21" for number in range(ENOUGH)]
        bad = runner.invoke(command, ["-", "--json"], input="\n".join(["order_id,day", *rows, *lost]))
        assert bad.exit_code == 1 and len(json.loads(bad.output)["alarms"]) == 2
        assert "ALARM" in runner.invoke(command, ["-"], input="\n".join(["order_id,day", *rows, *lost])).output

        (tmp_path / "mugshop.py").write_text("def orders():\n    return ['0', ('1', '2026-08-20')]\n")
        monkeypatch.chdir(tmp_path)
        by_loader = runner.invoke(command, ["--loader", "mugshop:orders", "--json"])
        assert json.loads(by_loader.output)["lines"][0]["orders"] == 2
        assert isinstance(runner.invoke(command, ["--loader", "mugshop:none"]).exception, ConfigurationError)
        assert runner.invoke(command, []).exit_code == 2
        foreign = runner.invoke(command, ["-"], input="order_id\n#0\n#1\n")
        assert foreign.exit_code == 0 and "None of these orders is known" in foreign.output


def _few(tmp_path: Path, file: Path | None, raw: bytes) -> Result:
    """The answer for a file with these bytes, or for these bytes on stdin."""

    def tracker() -> Tracker:
        with Vendor() as vendor:
            return Tracker([vendor.platform()], secret_keys=["k"], outbox=f"sqlite:///{tmp_path / 'x.db'}")

    if file:
        file.write_bytes(raw)
    runner = CliRunner(env={"COLUMNS": "160"})
    return runner.invoke(reconcile_command(tracker), [str(file) if file else "-", "--json"], input=raw)


@pytest.mark.parametrize("by_file", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_file_is_read_in_what_spreadsheets_write_or_the_way_out_is_told(
    tmp_path: Path, encoding: str, by_file: bool
) -> None:
    """UTF-8, and UTF-16 that says so, are read whole; anything else is an error that says how to convert it, and no
    traceback."""
    raw = "Order;Date;Name\nÄ-1;2026-08-20;Jörg\n".encode(encoding)
    answer = _few(tmp_path, tmp_path / "orders.csv" if by_file else None, raw)
    if encoding in ("utf-16-le", "cp1252"):
        assert isinstance(answer.exception, InvalidInput) and "iconv" in str(answer.exception)
    else:
        assert [(line["day"], line["orders"]) for line in json.loads(answer.output)["lines"]] == [("2026-08-20", 1)]


def test_an_order_whose_number_has_an_address_in_it_is_found(shop: Shop) -> None:
    """Its natural key is kept as a digest, and looked for as one."""
    shop.order("joe@example.com-1")
    assert looked_up(shop, "joe@example.com-1").tracked == 1
