"""Which data is trained on, how it is cut into patches, and what is done to them."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from patchmill.config.axes import parse_axes
from patchmill.config.base import ConfigModel
from patchmill.config.problems import problem, refusal
from patchmill.config.transforms import N2VManipulateConfig, Transform, XYFlipConfig, XYRandomRotate90Config

__all__ = ["MIN_PATCH_SIZE", "DataConfig"]

MIN_PATCH_SIZE = 8
"""Least size of a patch along any axis, in pixels."""

LOADER_PARAMETERS = frozenset(
    {
        # of torch.utils.data.DataLoader
        "batch_sampler",
        "collate_fn",
        "drop_last",
        "generator",
        "in_order",
        "multiprocessing_context",
        "num_workers",
        "persistent_workers",
        "pin_memory",
        "pin_memory_device",
        "prefetch_factor",
        "sampler",
        "shuffle",
        "timeout",
        "worker_init_fn",
        # of patchmill.PatchLoader besides
        "num_threads",
        "prefetch",
        "seed",
    }
)
"""What the loaders take, except for the dataset and the batch size."""


def _draw_seed() -> int:
    return secrets.randbits(63)


Seed = Annotated[int, BeforeValidator(lambda seed: _draw_seed() if seed is None else seed), Field(ge=0, lt=2**63)]


class DataConfig(ConfigModel):
    """The data, the patches, and the statistics that they are normalised by.

    Parameters
    ----------
    data_type : {"array", "tiff"}
        Where the pixels are: NumPy arrays, or TIFF files.
    axes : str
        One letter per axis of the images, in their order: any order of a subset of STCZYX with Y and X.
    patch_size : list of int
        Size of the patches in pixels, (Z)YX, at least 8 along each axis. Z if and only if the axes hold Z.
    patching : {"sequential", "random"}, default="sequential"
        Which patches an epoch has: those of a grid that covers every pixel, or as many from anywhere, drawn anew.
    batch_size : int, default=1
        Number of patches in a batch.
    transforms : list of transform configurations, optional
        What is done to the patches, by default `XYFlipConfig` and `XYRandomRotate90Config`. Each kind once at most;
        `N2VManipulateConfig`, which makes the data fit for Noise2Void, comes last.
    image_means, image_stds : list of float, optional
        Mean and standard deviation of each channel of the images. Computed from the training data if None.
    target_means, target_stds : list of float, optional
        The same for the targets.
    train_dataloader_params : dict, optional
        Further arguments of the training loader, those of ``torch.utils.data.DataLoader`` or of ``PatchLoader``.
        ``shuffle`` is True unless it, or a sampler, is given.
    val_dataloader_params : dict, optional
        Further arguments of the validation loader.
    seed : int, optional
        Decides every random draw: the order, the regions, the transforms and the validation split. 0 to 2**63 - 1;
        drawn once, and kept, if None.
    """

    data_type: Literal["array", "tiff"]
    axes: str
    patch_size: list[int]
    patching: Literal["sequential", "random"] = "sequential"
    batch_size: int = Field(default=1, ge=1)
    transforms: list[Transform] = [XYFlipConfig(), XYRandomRotate90Config()]
    image_means: list[float] | None = None
    image_stds: list[float] | None = None
    target_means: list[float] | None = None
    target_stds: list[float] | None = None
    train_dataloader_params: dict[str, Any] = {"shuffle": True}
    val_dataloader_params: dict[str, Any] = {}
    seed: Seed = Field(default_factory=_draw_seed)

    @property
    def masks_pixels(self) -> bool:
        """Whether the last transform is `N2VManipulateConfig`, so that items are (masked, original, mask)."""
        return bool(self.transforms) and isinstance(self.transforms[-1], N2VManipulateConfig)

    def set_means_and_stds(
        self,
        image_means: Iterable[float],
        image_stds: Iterable[float],
        target_means: Iterable[float] | None = None,
        target_stds: Iterable[float] | None = None,
    ) -> None:
        """Set the statistics of all channels together.

        Parameters
        ----------
        image_means, image_stds : iterable of float
            Mean and standard deviation of each channel of the images.
        target_means, target_stds : iterable of float, optional
            The same for the targets. None removes those that were set.

        Raises
        ------
        ValidationError
            If there are not as many means as standard deviations, or one is not a finite number.
        """
        statistics = {
            "image_means": list(image_means),
            "image_stds": list(image_stds),
            "target_means": None if target_means is None else list(target_means),
            "target_stds": None if target_stds is None else list(target_stds),
        }
        checked = type(self).model_validate({**self.__dict__, **statistics})
        self.__dict__.update({name: getattr(checked, name) for name in statistics})

    @field_validator("axes", mode="before")
    @classmethod
    def _check_axes(cls, axes: Any) -> str:
        return parse_axes(axes)

    @field_validator("patch_size")
    @classmethod
    def _check_patch_is_not_small(cls, size: list[int]) -> list[int]:
        if len(size) not in (2, 3) or min(size) < MIN_PATCH_SIZE:
            msg = (
                f"expected 2 or 3 sizes, (Z)YX, of at least {MIN_PATCH_SIZE} pixels each, got {size}. "
                f"Use, for instance, [64, 64] in 2D or [16, 64, 64] in 3D."
            )
            raise ValueError(msg)
        return size

    @field_validator("transforms")
    @classmethod
    def _check_order_of_transforms(cls, transforms: list[Transform]) -> list[Transform]:
        names = [transform.name for transform in transforms]
        if len(set(names)) < len(names):
            msg = f"expected each transform at most once, got {', '.join(names)}. Remove those that come again."
            raise ValueError(msg)
        if "N2VManipulate" in names[:-1]:
            msg = f"expected N2VManipulate to be the last transform, got {', '.join(names)}. Move it to the end."
            raise ValueError(msg)
        return transforms

    @field_validator("image_stds", "target_stds")
    @classmethod
    def _check_stds_are_not_negative(cls, stds: list[float] | None) -> list[float] | None:
        if stds is not None and min(stds, default=0) < 0:
            msg = f"expected standard deviations of at least 0, got {stds}. Compute them again."
            raise ValueError(msg)
        return stds

    @field_validator("train_dataloader_params", "val_dataloader_params")
    @classmethod
    def _check_loader_parameters(cls, parameters: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "batch_size" in parameters:
            msg = f"expected no batch_size, got {parameters['batch_size']!r}. Set the batch_size of the data instead."
            raise ValueError(msg)
        for name in parameters:
            if name not in LOADER_PARAMETERS:
                alike = difflib.get_close_matches(name, LOADER_PARAMETERS, n=1)
                advice = f"Did you mean {alike[0]!r}?" if alike else "Remove it."
                msg = f"expected arguments of a torch DataLoader or of PatchLoader, got {name!r}. {advice}"
                raise ValueError(msg)
        ordered = {"shuffle", "sampler", "batch_sampler"} & parameters.keys()
        if info.field_name == "train_dataloader_params" and not ordered:
            return {"shuffle": True, **parameters}
        return parameters

    @model_validator(mode="after")
    def _check_patch_fits_axes(self) -> Self:
        spatial = "ZYX" if "Z" in self.axes else "YX"
        if len(self.patch_size) != len(spatial):
            message = (
                f"expected {len(spatial)} sizes, {spatial}, for axes {self.axes!r}, got {self.patch_size}. "
                f"Change the patch size or the axes."
            )
            raise refusal(problem("patch_size", message, self.patch_size))
        return self

    @model_validator(mode="after")
    def _check_statistics(self) -> Self:
        for kind in ("image", "target"):
            means, stds = getattr(self, f"{kind}_means"), getattr(self, f"{kind}_stds")
            if means is stds is None:
                continue
            if not means or not stds or len(means) != len(stds):
                message = (
                    f"expected as many means as standard deviations, one of each per channel, got {means} and {stds}. "
                    f"Set them together, with set_means_and_stds."
                )
                raise refusal(problem(f"{kind}_means", message, means))
        if self.target_means is not None and self.image_means is None:
            message = (
                f"expected those of the images too, got {self.target_means} alone. Set image_means and image_stds."
            )
            raise refusal(problem("target_means", message, self.target_means))
        return self
