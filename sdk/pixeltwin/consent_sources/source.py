"""What every consent source is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from ..consent import Consent
from ..contract import Platform


class ConsentSource(ABC):
    """Reads what a visitor allows these platforms from the cookies of his request, as they came over the wire."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """How it is called in the settings, and in the ledger of decisions."""

    @abstractmethod
    def read(self, cookies: Mapping[str, str], platforms: Sequence[Platform]) -> Consent:
        """Never fails: what cannot be read is denied."""

    def advice(self, platforms: Sequence[Platform]) -> list[str]:
        """What is to be set before this source can allow each of these platforms anything."""
        return []
