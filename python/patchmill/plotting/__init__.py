"""Pictures, as PNG files. They need matplotlib (the extra `plot`)."""

from patchmill.plotting.comparison import plot_comparison
from patchmill.plotting.losses import plot_losses
from patchmill.plotting.overview import Cell, Overview
from patchmill.plotting.preview import plot_preview
from patchmill.plotting.style import check_matplotlib

__all__ = ["Cell", "Overview", "check_matplotlib", "plot_comparison", "plot_losses", "plot_preview"]
