"""Names of countries and states: what people write, and the code that is hashed."""

from __future__ import annotations

import pytest

from pixeltwin.normalising.normal import country_code, state_code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("Germany", "de"),
        (" germany ", "de"),
        ("DE", "de"),
        ("deu", "de"),
        ("United States of America", "us"),
        ("U.S.A.", "us"),
        ("UK", "gb"),
        ("the Netherlands", "nl"),
        ("Côte d’Ivoire", "ci"),
        ("COTE D'IVOIRE", "ci"),
        ("Turkey", "tr"),
        ("Türkiye", "tr"),
        ("Bosnia & Herzegovina", "ba"),
        ("St. Lucia", "lc"),
        ("Korea, Republic of", "kr"),
        ("Republic of Korea", "kr"),
        ("Viet Nam", "vn"),
        ("Vietnam", "vn"),
        ("Kosovo", "xk"),
        ("Deutschland", None),
        ("Korea", None),
        ("zz", None),
        ("", None),
        ("the", None),
    ],
)
def test_a_country_is_known_by_its_codes_and_english_names(written: str, code: str | None) -> None:
    """However a country's name is written in English, its two-letter code comes out, and nothing for what is none."""
    assert country_code(written) == code


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("California", "ca"),
        (" new  york ", "ny"),
        ("Washington, D.C.", "dc"),
        ("Washington", "wa"),
        ("US-CA", "ca"),
        ("Ca", "ca"),
        ("Georgia", "ga"),
        ("Puerto Rico", "pr"),
        ("on", "on"),
        ("Ontario", None),
        ("NSW", None),
        ("", None),
    ],
)
def test_a_state_is_known_by_its_code_and_a_us_state_by_its_name(written: str, code: str | None) -> None:
    """A two-letter code of any country's states is taken, and of the United States the names too."""
    assert state_code(written) == code


def test_every_code_is_known_to_itself() -> None:
    """All 249 codes of ISO 3166-1 and Kosovo's stand for themselves."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    codes = {first + second for first in letters for second in letters}
    known = {code for code in codes if country_code(code)}

    assert len(known) == 250 + 1  # ISO, XK, and UK, which stands for GB
    assert {code for code in known if country_code(code) != code} == {"uk"}
