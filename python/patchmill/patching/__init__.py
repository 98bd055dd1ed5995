"""Which regions of the images become patches."""

from patchmill.patching.filters import filter_scores, kept_cells
from patchmill.patching.plan import Patching, SizedImage, count_cells, create_plan, patch_size_zyx
from patchmill.patching.split import Split, check_split, split_plan

__all__ = [
    "Patching",
    "SizedImage",
    "Split",
    "check_split",
    "count_cells",
    "create_plan",
    "filter_scores",
    "kept_cells",
    "patch_size_zyx",
    "split_plan",
]
