"""How often one address may report what happened in its browser: enough for any person, too little for a flood."""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from datetime import datetime

from ..normalising.addresses import bare

AT_ONCE = 120  # reports
A_SECOND = 2.0  # reports that come back
MOST_ADDRESSES = 10_000  # remembered; about 2 MB


class Flood:
    """Counts by address, in this process. Whole IPv6 networks (/64) are one address, for a household has one."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # reports left, and when that was
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._left)

    def takes(self, address: str | None, now: datetime) -> bool:
        """Whether one more report of this address is listened to."""
        network, at = _network(address or ""), now.timestamp()
        with self._lock:
            left, since = self._left.pop(network, (float(AT_ONCE), at))
            left = min(float(AT_ONCE), left + max(0.0, at - since) * A_SECOND)
            self._left[network] = (max(left - 1, 0.0), at)
            if len(self._left) > MOST_ADDRESSES:
                self._left.popitem(last=False)
        return left >= 1


def _network(given: str) -> str:
    address = bare(given)
    try:
        whole = ipaddress.ip_address(address)
    except ValueError:  # a socket of this machine, a name
        return address
    if whole.version == 4:
        return address
    return str(whole.ipv4_mapped or int(whole) >> 64)  # a socket for both families writes IPv4 as ::ffff:a.b.c.d
