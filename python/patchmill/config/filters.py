"""Which patches are worth training on: those that show more than background."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from patchmill.config.base import ConfigModel

__all__ = [
    "MaskPatchFilterConfig",
    "MaxPatchFilterConfig",
    "MeanStdPatchFilterConfig",
    "PatchFilter",
    "ShannonPatchFilterConfig",
]

_Coverage = Annotated[float, Field(gt=0, le=1)]
_Channel = Annotated[int, Field(ge=0)]


class MaxPatchFilterConfig(ConfigModel):
    """Keep the patches in which enough pixels lie near a bright one.

    Parameters
    ----------
    name : "max"
        Which filter this is.
    threshold : float
        Least value of a bright pixel, in the units of the images.
    coverage : float, optional
        Least share of such pixels in a patch, above 0 and up to 1. ``1 / 2**ndims`` if None: a quarter in 2D.
    ref_channel : int, default=0
        The channel that is looked at, counted among those that are picked.
    """

    name: Literal["max"] = "max"
    threshold: float
    coverage: _Coverage | None = None
    ref_channel: _Channel = 0


class MeanStdPatchFilterConfig(ConfigModel):
    """Keep the patches that are bright, and vary, enough.

    Parameters
    ----------
    name : "mean_std"
        Which filter this is.
    mean_threshold : float
        Least mean of a patch, in the units of the images.
    std_threshold : float, optional
        Least standard deviation of a patch, at least 0. Any if None.
    ref_channel : int, default=0
        The channel that is looked at, counted among those that are picked.
    """

    name: Literal["mean_std"] = "mean_std"
    mean_threshold: float
    std_threshold: Annotated[float, Field(ge=0)] | None = None
    ref_channel: _Channel = 0


class ShannonPatchFilterConfig(ConfigModel):
    """Keep the patches whose pixels are diverse enough.

    Parameters
    ----------
    name : "shannon"
        Which filter this is.
    threshold : float
        Least Shannon entropy of the values of a patch, in bits, at least 0.
    ref_channel : int, default=0
        The channel that is looked at, counted among those that are picked.
    """

    name: Literal["shannon"] = "shannon"
    threshold: float = Field(ge=0)
    ref_channel: _Channel = 0


class MaskPatchFilterConfig(ConfigModel):
    """Keep the patches in which enough pixels are marked by a mask, which is given with the images.

    Parameters
    ----------
    name : "mask"
        Which filter this is.
    coverage : float, optional
        Least share of marked pixels in a patch, above 0 and up to 1. ``1 / 2**ndims`` if None: a quarter in 2D.
    """

    name: Literal["mask"] = "mask"
    coverage: _Coverage | None = None


PatchFilter = Annotated[
    MaxPatchFilterConfig | MeanStdPatchFilterConfig | ShannonPatchFilterConfig | MaskPatchFilterConfig,
    Field(discriminator="name"),
]
"""Any of the filters; its `name` says which."""
