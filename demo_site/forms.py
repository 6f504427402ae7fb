"""What people type in: the fields of the shop's forms, and what is wrong with an entry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .orders import Customer

COUNTRIES = {
    "AT": "Austria",
    "BE": "Belgium",
    "CZ": "Czechia",
    "DE": "Germany",
    "DK": "Denmark",
    "ES": "Spain",
    "FI": "Finland",
    "FR": "France",
    "IE": "Ireland",
    "IT": "Italy",
    "NL": "Netherlands",
    "PL": "Poland",
    "SE": "Sweden",
}
PAYMENTS = {"card": "Card", "invoice": "Invoice, 14 days"}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


@dataclass(frozen=True, slots=True)
class Field:
    """One input. `kind` is its HTML type, `autocomplete` what the browser may fill in."""

    name: str
    label: str
    autocomplete: str
    kind: str = "text"
    required: bool = True
    advice: str = "Please fill this in."


EMAIL = Field("email", "E-mail", "email", "email", advice="Please give an address such as jo@example.com.")
FIRST_NAME = Field("first_name", "First name", "given-name")
CHECKOUT = (
    EMAIL,
    Field("phone", "Phone, for the courier (optional)", "tel", "tel", required=False),
    FIRST_NAME,
    Field("last_name", "Last name", "family-name"),
    Field("street", "Street and number", "street-address"),
    Field("postal_code", "Postal code", "postal-code"),
    Field("city", "City", "address-level2"),
)
SIGN_UP = (FIRST_NAME, EMAIL)


def is_email(text: str) -> bool:
    return len(text) <= 254 and bool(_EMAIL.fullmatch(text))


def entries(form: Mapping[str, str], fields: Sequence[Field]) -> dict[str, str]:
    """What was typed into these fields, trimmed; at most 200 characters of each."""
    return {field.name: form.get(field.name, "").strip()[:200] for field in fields}


def problems(entered: Mapping[str, str], fields: Sequence[Field]) -> dict[str, str]:
    """By field, what to do about it."""
    return {field.name: field.advice for field in fields if not _is_good(entered[field.name], field)}


def _is_good(text: str, field: Field) -> bool:
    if not text:
        return not field.required
    return field.kind != "email" or is_email(text)


def customer(entered: Mapping[str, str], country: str) -> Customer:
    return Customer(country=country, **entered)
