"""The results as a page in Markdown: the ratios first, then every median, then what was not measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .case import Case, Found, Row, shown

HEAD = """# Benchmarks

Each figure is the median of rounds in which the variants took turns, each time in a fresh process, all in one run.
A ratio "a / b" is the median of a over that of b. How to read them: [README](../README.md).

"""
MET = {True: "met", False: "**not met**", None: ""}


def page(about: Mapping[str, str], cases: Mapping[str, tuple[Case, Found]], plot: str) -> str:
    """The whole page; `plot` is the picture's file name, or empty."""
    parts = [HEAD]
    if plot:
        parts.append(f"![The main figures side by side]({plot})\n\n")
    parts += [f"- {name}: {text}\n" for name, text in about.items()]
    for case, found in cases.values():
        parts.append(f"\n## {case.TITLE}\n\n{_ratios(case.rows(found))}\n{_medians(case, found)}")
    return "".join(parts)


def _ratios(rows: Sequence[Row]) -> str:
    lines = ["| what | found | aim | | from |", "|---|--:|--:|---|---|"]
    lines += [f"| {row.what} | {said(row)} | {aim(row)} | {MET[row.met]} | {row.detail} |" for row in rows]
    return "\n".join(lines) + "\n"


def said(row: Row) -> str:
    """What was found, with its unit."""
    return "not measured" if row.value is None else f"{shown(row.value)} {row.unit}".rstrip()


def aim(row: Row) -> str:
    """What is aimed at, with its unit."""
    if row.aim is None:
        return ""
    return f"{'≥' if row.aim.at_least else '≤'} {shown(row.aim.limit)} {row.unit}".rstrip()


def _medians(case: Case, found: Found) -> str:
    """Every median; what was skipped or failed says why."""
    figures = list(dict.fromkeys(name for one in found.results.values() for row in one.rounds for name in row))
    lines = [f"| median | {' | '.join(figures)} | rounds |", "|---|" + "--:|" * (len(figures) + 1)]
    notes = [f"- **failed**: what it begins with: {found.trouble}\n"] if found.trouble else []
    for variant in case.VARIANTS:
        result = found.results[variant.name]
        values = [result.median(name) for name in figures]
        cells = [("" if value is None else shown(value)) for value in values]
        if result.rounds:
            lines.append(f"| {variant.label} | {' | '.join(cells)} | {len(result.rounds)} |")
        if result.skipped:
            notes.append(f"- skipped: {variant.label}: {result.skipped}\n")
        notes += [f"- **failed**: {variant.label}: {failure}\n" for failure in dict.fromkeys(result.failures)]
    table = "\n".join(lines) + "\n" if len(lines) > 2 else ""
    return table + ("\n" + "".join(notes) if notes else "")
