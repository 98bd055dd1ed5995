"""What is done to a patch, as callables on arrays: for datasets of one's own, and to look at what patchmill's do.

They take and return NumPy arrays or torch tensors of the axes C(Z)YX. An item of `InMemoryDataset` is what they make of
its patch: ``Compose([NormalizeConfig(...), *data_config.transforms], seed=data_config.seed)(patch, item=i, epoch=e)``
are the bytes of item i in epoch e, unless `data_config.transforms` has a turn before a flip. The datasets flip first in
any case, and `Compose` keeps the order of its list.
"""

from patchmill.transforms.compose import Compose, get_all_transforms
from patchmill.transforms.n2v_manipulate import N2VManipulate
from patchmill.transforms.normalize import Denormalize, Normalize
from patchmill.transforms.xy_flip import XYFlip
from patchmill.transforms.xy_random_rotate90 import XYRandomRotate90

__all__ = [
    "Compose",
    "Denormalize",
    "N2VManipulate",
    "Normalize",
    "XYFlip",
    "XYRandomRotate90",
    "get_all_transforms",
]
