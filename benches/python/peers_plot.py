"""The picture of patchmill beside its peers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from works import WORKS

__all__ = ["plot_peers"]

# Of a contrast that is enough on white and on black.
INK, OURS, THEIRS = "#7d7d7d", "#d9622b", "#5b8db8"
COLUMNS = 2
BAR_INCHES, WIDTH_INCHES = 0.22, 9.0


def plot_peers(medians: Mapping[str, Mapping[str, float]], titles: Mapping[str, str], path: Path) -> None:
    """Draw a panel of bars for each work, on one logarithmic scale.

    Parameters
    ----------
    medians : mapping of mappings of float
        The patches per second by work and peer, patchmill first.
    titles : mapping of str
        What the peers are called.
    path : Path
        Where the SVG is written.
    """
    settings: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "patchmill", "font.size": 8, "text.color": INK}
    with mpl.rc_context(settings):
        n_rows = math.ceil(len(medians) / COLUMNS)
        n_bars = max(map(len, medians.values())) + 3
        figure = Figure((WIDTH_INCHES, n_rows * n_bars * BAR_INCHES), layout="constrained")
        panels = figure.subplots(n_rows, COLUMNS, sharex=True, squeeze=False).ravel()
        for panel, (work, speeds) in zip(panels, medians.items(), strict=False):
            _draw(panel, f"{work}: {WORKS[work].description}", speeds, titles)
        for panel in panels[len(medians) :]:
            panel.set_axis_off()
        all_speeds = [speed for speeds in medians.values() for speed in speeds.values()]
        # Room to the left, so that the shortest bar is one, and to the right for the last figure.
        panels[0].set_xlim(min(all_speeds) / 3, max(all_speeds) * 8)
        figure.supxlabel("patches/s")
        figure.savefig(path, facecolor="white", metadata={"Date": None})


def _draw(panel: Axes, title: str, speeds: Mapping[str, float], titles: Mapping[str, str]) -> None:
    ordered = dict(sorted(speeds.items(), key=lambda item: -item[1]))
    colours = [OURS if peer == "patchmill" else THEIRS for peer in ordered]
    bars = panel.barh([titles[peer] for peer in ordered], list(ordered.values()), color=colours)
    panel.bar_label(bars, [f"{speed:,.0f}" for speed in ordered.values()], padding=3)
    panel.set_xscale("log")
    panel.minorticks_off()
    panel.set_title(title, loc="left", weight="bold")
    panel.invert_yaxis()
    panel.tick_params(colors=INK, labelbottom=True)
    panel.spines[:].set_visible(False)
    panel.grid(axis="x", color=INK, alpha=0.3)
    panel.set_axisbelow(True)
