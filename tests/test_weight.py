"""What a page gets: its bytes, as they travel."""

from __future__ import annotations

import gzip

from pixeltwin import Consent, Conversion, Item, Purchase
from pixeltwin.pages.script import Script
from pixeltwin.pages.telling import View
from pixeltwin.snippet import Form, render
from tests.samples import NOW, platforms, visitor

ONE_KB = 1024


def compressed(text: str | bytes) -> int:
    return len(gzip.compress(text if isinstance(text, bytes) else text.encode(), 9))


def test_a_page_with_a_purchase_on_three_platforms_carries_little() -> None:
    """All that stands in the page for three platforms, a purchase and the page's own view is at most 1.2 KB gzipped."""
    line = Item(id="sku-1", price="29.95", quantity=2)
    event = Purchase(order_id="1001", value="59.90", currency="EUR", items=[line])
    bought = Conversion(event=event, id="0123456789abcdef" * 4, occurred_at=NOW, visitor=visitor())
    html = render(
        platforms(),
        lambda _: [bought],
        visitor=visitor(),
        consent=Consent.granted(),
        nonce="r4nd0mr4nd0mr4nd0m",
        view=View("/_pixeltwin/page-view"),
        form=Form("/_pixeltwin/pixeltwin.js?v=0123456789ab", inline=False),
    )
    assert all(name in html for name in ("rdt", "snaptr", "pintrk"))
    assert compressed(html) <= 1.2 * ONE_KB


def test_the_first_party_script_is_small() -> None:
    """With the loaders of three platforms and everything a page needs it is at most 2,400 bytes gzipped; what tells the
    server of fired pixels, what follows Turbo and htmx, and what leads forms to an address that was cleaned, are under
    0.7 KB more each; the source is readable, what travels has no comments."""
    script = Script(platforms(), "/x.js")
    assert compressed(script.code) <= 2400
    assert compressed(script.acknowledging) <= 0.7 * ONE_KB
    assert compressed(script.swapping) <= 0.7 * ONE_KB
    assert compressed(script.leading) <= 0.7 * ONE_KB
    for code in (script.code, script.acknowledging, script.swapping, script.leading):
        assert b"/*" not in code and b"\n " not in code
