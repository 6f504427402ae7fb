from __future__ import annotations
from pathlib import Path
def draw(path: Path, cases: object) -> str:
    return ""
