"""Which regions of the images become patches."""

from patchmill.patching.plan import create_plan, patch_size_zyx
from patchmill.patching.split import Split, split_plan

__all__ = ["Split", "create_plan", "patch_size_zyx", "split_plan"]
