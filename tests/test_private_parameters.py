"""What the address bar loses: what looks like a secret or like personal data, and nothing that a page works with."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltwin.pages.private_parameters import looks_private, looks_random


@pytest.mark.parametrize(
    "name",
    [
        *("token", "access_token", "accessToken", "X-Auth-Token", "csrf_token", "id_token", "apiKey", "api-key"),
        *("sig", "signature", "session_id", "sessionid", "PHPSESSID", "sid", "password", "passwd", "pwd"),
        *(
            "secret",
            "client_secret",
            "auth",
            "oauth",
            "authorization",
            "email",
            "e-mail",
            "mail",
            "user_email",
            "phone",
        ),
        *("tel", "mobile", "first_name", "lastName", "username", "user", "login", "otp", "pin", "hmac", "jwt"),
    ],
)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    """Whatever its value, a parameter of such a name is taken out."""
    assert looks_private(name, "1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("page", "2"),
            ("q", "red shoes"),
            ("sort", "price_asc"),
            ("category", "mugs"),
            ("size", "42"),
            ("id", "1001"),
        ),
        *(("keyboard", "de"), ("monkey", "1"), ("author", "kafka"), ("hotel", "ritz"), ("postcode", "10115")),
        *(("signup", "1"), ("design", "oak"), ("passenger", "2"), ("lang", "de-CH"), ("order_id", "1001")),
        *(("date", "2026-08-20T12:00:00Z"), ("t", "1789123456789"), ("at", "@"), ("zoom", "52.5200066,13.404954")),
        *(("product", "very-long-product-name-of-something"), ("model", "iphone15promax256gbblack")),
        *(("sku", "nike-air-max-90-white-42"), ("v", "internationalization"), ("promo", "SUMMERSALE2026EVERYTHING")),
        *(
            ("gclid", "Cj0KCQjw1a2b3c4d5e6f7g8h9i"),
            ("fbclid", "IwAR0aB1c2D3e4F5g6H7i8J9"),
            ("_gl", "1*1a2b*_ga*A1"),
        ),
        *(
            ("code", "SAVE10"),
            ("promo_code", "SUMMER2026"),
            ("key", "priceLowToHigh"),
            ("ticket", "4711"),
            ("hash", ""),
            ("hash", "reviews"),
            ("zip_code", "10115"),
        ),
        *(("msclkid", "3f1a7c526a1e4a5b9c1d2b8f4e6d7a90"), ("wbraid", "CjkKCQjw1a2B3c4D5e6F7"), ("empty", "")),
    ],
)
def test_what_a_page_works_with_stays(name: str, value: str) -> None:
    """Pages, searches, products, campaigns and other platforms' click ids go on working."""
    assert not looks_private(name, value)


@pytest.mark.parametrize(
    "value", ["ada@example.com", "x ada+1@mail.example y", "+49 170 1234567", " 491701234567", "+1 (212) 555-0100"]
)
def test_personal_data_is_known_by_its_form(value: str) -> None:
    """An e-mail address or a phone number with its country is taken out under any name."""
    assert looks_private("x", value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: secrets.token_hex(16),
        lambda: secrets.token_hex(32).upper(),
        lambda: secrets.token_urlsafe(32),
        lambda: str(uuid.uuid4()),
        lambda: f"cs_test_{secrets.token_hex(24)}",
        lambda: f"eyJhbGciOiJIUzI1NiJ9.{secrets.token_urlsafe(40)}.{secrets.token_urlsafe(32)}",
    ],
    ids=["digest", "capitals", "urlsafe", "uuid", "checkout session", "jwt"],
)
def test_random_text_is_known_by_its_look(make: Callable[[], str]) -> None:
    """Tokens of every usual make are taken out under any name."""
    assert sum(looks_random(make()) for _ in range(200)) >= 199


@pytest.mark.parametrize("name", ["code", "inviteCode", "key", "ticket", "hash"])
@pytest.mark.parametrize("value", ["x7Gk2p9Q", "4/0AX4XfWh", "ST-14-a3Bz9", "3fa91cb20d4e"])
def test_a_short_secret_is_known_by_a_name_that_hints_at_one(name: str, value: str) -> None:
    """A name that secrets share with coupons and sort keys tells nothing by itself: a value that nobody would write is
    taken out under it, though it is short."""
    assert looks_private(name, value) and not looks_private("size", value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("code", "482913"), ("resetCode", "83920417"), ("login_code", "482-913")),
        *(("hash", "deadbeefcafe"), ("hash", "83920417")),
    ],
)
def test_a_code_of_digits_and_a_digest_are_secrets(name: str, value: str) -> None:
    """What is sent to sign in or to reset a password is taken out, though a person could have written its value."""
    assert looks_private(name, value) and not looks_private("ticket", value)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_parameter_can_break_the_guess(name: str, value: str) -> None:
    """Whatever stands in a URL, the answer is yes or no."""
    assert looks_private(name, value) in (True, False)
