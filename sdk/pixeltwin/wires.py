"""What of a visitor reaches a platform: digests and normal forms, by the platform's table of rules."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from .values import Loss
from .visitor import AnyVisitor, Rule, SealedVisitor, collected_rules


class Wires:
    """The part of a platform that sees persons. `rules`: by its own name of a field, without what is withheld."""

    name: str
    rules: Mapping[str, Rule]

    def wire(self, visitor: AnyVisitor, field: str) -> tuple[str, ...]:
        """An identity field as this platform wants it: digests or normal forms; empty when withheld or unusable."""
        if isinstance(visitor, SealedVisitor):
            return visitor.sealed.get(self._places.get(field, ""), ())
        rule = self.rules.get(field)
        return visitor.values(rule.source or field, rule) if rule else ()

    def first(self, visitor: AnyVisitor, field: str) -> str | None:
        """The first value of `wire`, for platforms that take only one."""
        found = self.wire(visitor, field)
        return found[0] if found else None

    def sealed(self, visitor: AnyVisitor) -> SealedVisitor:
        """The visitor as he rests: sealed, if he is not yet, by this platform's rules."""
        return visitor if isinstance(visitor, SealedVisitor) else visitor.seal(self._needed)

    def wires(self, visitor: AnyVisitor) -> dict[str, tuple[str, ...]]:
        """All of `wire` that is not empty, by the rules' names and in their order."""
        sealed = self.sealed(visitor).sealed
        return {name: found for name, place in self._made_for(tuple(sealed)) if (found := sealed[place])}

    @cached_property
    def _needed(self) -> Mapping[str, tuple[Rule, ...]]:
        return collected_rules([self.rules])

    def _made_for(self, places: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """The rules whose outcome a sealed visitor keeps at one of these places, and the place. Remembered by the
        places, of which sites have few different sets: most of a platform's rules are for what hardly anybody gives."""
        found = self._known_places.get(places)
        if found is None:
            found = self._known_places[places] = tuple(one for one in self._places.items() if one[1] in places)
        return found

    @cached_property
    def _places(self) -> Mapping[str, str]:
        return {name: rule.place(rule.source or name) for name, rule in self.rules.items()}

    @cached_property
    def _known_places(self) -> dict[tuple[str, ...], tuple[tuple[str, str], ...]]:
        return {}

    def identity_losses(self, visitor: AnyVisitor) -> list[Loss]:
        """Identity the caller gave that no rule of this platform could use."""
        who = self.sealed(visitor)
        if who.plain:
            return []
        wires, given = self.wires(who), who.given_fields
        fields = [rule.source or name for name, rule in self.rules.items() if name not in wires]
        unusable = dict.fromkeys(field for field in fields if field in given)
        return [
            Loss(self.name, field, "unusable_value", f"{field.replace('_', ' ')}: no usable form, so it is left out")
            for field in unusable
        ]
