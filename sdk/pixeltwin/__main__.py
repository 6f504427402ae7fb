"""`python -m pixeltwin …` is `pixeltwin …`."""

from __future__ import annotations

from .cli import main

main(prog_name="pixeltwin")
