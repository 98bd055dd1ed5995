"""Pictures, as PNG files. They need matplotlib (the extra `plot`)."""

from patchmill.plotting.comparison import plot_comparison
from patchmill.plotting.losses import plot_losses
from patchmill.plotting.overview import Cell, Overview
from patchmill.plotting.panel import plot_panel
from patchmill.plotting.patches import shown_planes
from patchmill.plotting.preview import plot_preview
from patchmill.plotting.style import check_matplotlib

__all__ = [
    "Cell",
    "Overview",
    "check_matplotlib",
    "plot_comparison",
    "plot_losses",
    "plot_panel",
    "plot_preview",
    "shown_planes",
]
