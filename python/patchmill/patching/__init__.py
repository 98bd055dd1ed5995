"""Which regions of the images become patches."""

from patchmill.patching.plan import create_plan, patch_size_zyx
from patchmill.patching.split import split_plan

__all__ = ["create_plan", "patch_size_zyx", "split_plan"]
