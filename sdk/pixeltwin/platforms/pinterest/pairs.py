"""Which tag belongs to which ad account. A hit names its tag, a request its ad account, and nothing says which two go
together: the sandbox takes the first tag it sees for the first ad account's, the second for the second's, and so on."""

from __future__ import annotations

import threading
from typing import Literal

Kind = Literal["tag", "ad account"]
MOST = 1000  # of each kind that are told apart


class Pairs:
    """The tags and ad accounts that were seen; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[Kind, dict[str, int]] = {"tag": {}, "ad account": {}}

    def account(self, kind: Kind, id: str) -> tuple[str, tuple[str, ...]]:
        """What the account of this tag, or this ad account, is called here, and a remark where it is not the first."""
        with self._lock:
            seen = self._seen[kind]
            number = seen.get(id) or len(seen) + 1
            if number <= MOST:
                seen[id] = number
        name = f"ad account {number}"
        if number == 1:
            return name, ()
        said = f"{kind} {id:.40} is no. {number} of those seen here: the sandbox takes the first tag for the first"
        return name, (f"{said} ad account's, the second for the second's; a reset begins anew",)
