"""The main figures as a picture: a panel each, pixeltwin among its peers. No matplotlib, no picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from .case import Case, Found, shown

INK, PALE, OURS, OTHERS, AIM = "#1f2430", "#8a90a0", "#e4572e", "#c9ced9", "#2a7f62"
COLUMNS = 3
HALO = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}  # where the dashed line crosses a number


@dataclass(frozen=True)
class Panel:
    """One figure of a case. `bars`: label by variant, from the top; pixeltwin's own begin with "pixeltwin". `aim` is
    the figure that is aimed at, where the run tells it. `log`: bars as long as their number has digits."""

    case: str
    figure: str
    title: str
    unit: str
    bars: Mapping[str, str]
    more_is_better: bool = False
    log: bool = False
    aim: Callable[[Found], float | None] = lambda found: None


def _times(factor: float, variant: str, figure: str) -> Callable[[Found], float | None]:
    def aim(found: Found) -> float | None:
        value = found.get(variant, figure)
        return None if value is None else factor * value

    return aim


_CALLS = {
    "apart": "pixeltwin, sent by another process",
    "thread": "pixeltwin, sent by a thread",
    "posthog": "posthog, in memory",
    "segment": "segment, in memory",
    "floor": "bare INSERT + COMMIT",
}
_SENT = {
    "sqlite": "pixeltwin, SQLite",
    "postgres": "pixeltwin, PostgreSQL",
    "snowplow": "snowplow",
    "segment": "segment",
}
_SDKS = {"meta": "facebook-business", "snap": "snap-business-sdk"}
_FAR = {f"{name} far": label for name, label in {**_SENT, **_SDKS}.items() if name != "postgres"}
_PAGES = {
    "without": "no tracking",
    "idle": "pixeltwin",
    "purchase": "pixeltwin, a purchase",
    "purchase hangs": "pixeltwin, platforms hang",
    **_SDKS,
}
_WEIGHTS = {
    "three purchase": "pixeltwin, inline",
    "three whole": "pixeltwin, with its file",
    "analytics.js": "analytics.js",
    "rudderstack": "rudderstack",
    "posthog-js": "posthog-js",
}
_FRESH = {"ours": "pixeltwin", "segment": "segment", "posthog": "posthog", "snowplow": "snowplow"}
_IMPORTS = {
    "ours": "pixeltwin",
    "posthog": "posthog",
    "segment.analytics": "segment",
    "snowplow_tracker": "snowplow",
    "facebook_business.adobjects.serverside.event_request": "facebook-business",
    "snap_business_sdk.public.conversion_api": "snap-business-sdk",
}
PANELS = (
    Panel("track", "hot p50", "One call, hot", "µs", _CALLS, aim=_times(1.2, "posthog", "hot p50")),
    Panel("track", "paced p50", "One call, 200 a second", "µs", _CALLS, aim=_times(1.2, "posthog", "paced p50")),
    Panel(
        *("page", "requests/s", "A page of a shop", "requests/s", _PAGES),
        more_is_better=True,
        aim=_times(0.75, "without", "requests/s"),
    ),
    Panel(
        *("drain", "events/s", "Delivering a backlog", "events/s", {"bound": "the physical bound", **_SENT, **_SDKS}),
        more_is_better=True,
        log=True,
        aim=_times(1 / 6, "bound", "events/s"),
    ),
    Panel(
        *("drain", "events/s", "… with 100 ms a round trip", "events/s", _FAR),
        more_is_better=True,
        log=True,
        aim=_times(20, "segment far", "events/s"),
    ),
    Panel("drain", "peak MB", "Memory meanwhile", "MB", {**_SENT, **_SDKS}, aim=lambda found: 80),
    Panel("freshness", "ms p50", "From the call to the platform", "ms", _FRESH, log=True, aim=lambda found: 20),
    Panel("weight", "gzip", "Script on a page, gzipped", "bytes", _WEIGHTS, log=True, aim=lambda found: 1200),
    Panel("imports", "ms", "Import", "ms", _IMPORTS, aim=_times(0.25, "ours", "flask ms")),
)


def draw(path: Path, cases: Mapping[str, tuple[Case, Found]]) -> str:
    """Draw what was measured; the file's name, or empty where there is no picture."""
    panels = [(one, cases[one.case][1]) for one in PANELS if one.case in cases]
    panels = [(one, found) for one, found in panels if _values(one, found)]
    try:
        pyplot: Any = import_module("matplotlib.pyplot")
    except ImportError:
        return ""
    if not panels:
        return ""
    style = {"font.family": "DejaVu Sans", "font.size": 9, "text.color": INK, "svg.hashsalt": "pixeltwin"}
    with pyplot.rc_context(style):
        rows = -(-len(panels) // COLUMNS)
        figure, grid = pyplot.subplots(rows, COLUMNS, figsize=(15, 0.9 + 2.75 * rows), squeeze=False)
        figure.patch.set_facecolor("white")
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes, (panel, found) in zip(grid.flat, panels, strict=False):
            _draw(axes, panel, found)
        figure.tight_layout(w_pad=3.5, h_pad=2.2, rect=(0, 0, 1, 1 - 0.6 / (0.9 + 2.75 * rows)))
        figure.text(0.012, 0.985, "pixeltwin beside its peers", size=15, weight="bold", va="top")
        legend = "medians of one run · dashed: what is aimed at"
        figure.text(0.988, 0.98, legend, size=9.5, color=PALE, va="top", ha="right")
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)
    return path.name


def _values(panel: Panel, found: Found) -> dict[str, float]:
    """Label and figure of each bar that there is."""
    known = {label: found.get(name, panel.figure) for name, label in panel.bars.items() if name in found.results}
    return {label: value for label, value in known.items() if value is not None}


def _draw(axes: Any, panel: Panel, found: Found) -> None:
    values = _values(panel, found)
    labels = list(values)
    colors = [OURS if label.startswith("pixeltwin") else OTHERS for label in labels]
    axes.barh(labels, list(values.values()), color=colors, height=0.66)
    axes.invert_yaxis()
    aim = panel.aim(found)
    largest = max([*values.values(), aim or 0])
    if panel.log:
        least = min([*values.values(), aim or largest])
        axes.set_xscale("log")
        axes.set_xlim(least / 3, largest * (largest / least * 3) ** 0.22)
    else:
        axes.set_xlim(0, largest * 1.22)
    for at, (label, value) in enumerate(values.items()):
        weight = "bold" if label.startswith("pixeltwin") else "normal"
        axes.annotate(
            shown(value),
            (value, at),
            (5, 0),
            textcoords="offset points",
            va="center",
            size=8.5,
            weight=weight,
            bbox=HALO,
        )
    if aim is not None:
        axes.axvline(aim, color=AIM, linestyle=(0, (4, 3)), linewidth=1.2, zorder=0)
    better = "more is better" if panel.more_is_better else "less is better"
    axes.set_title(panel.title, loc="left", weight="bold", size=11, pad=16)
    scale = ", logarithmic" if panel.log else ""
    axes.text(0, 1.03, f"{panel.unit}, {better}{scale}", transform=axes.transAxes, color=PALE, size=8.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=9)
    axes.xaxis.set_visible(False)
