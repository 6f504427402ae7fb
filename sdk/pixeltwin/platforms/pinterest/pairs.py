"""Which tag belongs to which ad account. A hit names its tag, a request its ad account, and nothing says which two go
together: the sandbox takes the first tag it sees for the first ad account's, the second for the second's, and so on."""

from __future__ import annotations

from typing import Literal

Kind = Literal["tag", "ad account"]
MOST = 1000  # of each kind that are told apart


class Pairs:
    """The tags and ad accounts that were seen, in their order; safe from any thread, for a dict takes one at a time."""

    def __init__(self) -> None:
        self._seen: dict[Kind, dict[str, None]] = {"tag": {}, "ad account": {}}

    def account(self, kind: Kind, id: str) -> tuple[str, tuple[str, ...]]:
        """What the account of this tag, or this ad account, is called here, and a remark where it is not the first."""
        seen = self._seen[kind]
        if len(seen) < MOST:
            seen.setdefault(id)
        number = list(seen).index(id) + 1 if id in seen else MOST + 1
        name = f"ad account {number}"
        if number == 1:
            return name, ()
        said = f"{kind} {id:.40} is no. {number} of those seen here: the sandbox takes the first tag for the first"
        return name, (f"{said} ad account's, the second for the second's; a reset begins anew",)
