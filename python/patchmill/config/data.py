"""Which data is trained on, how it is cut into patches, and what is done to them."""

from __future__ import annotations

import difflib
import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from patchmill.config.filters import MaskPatchFilterConfig, PatchFilter
from patchmill.config.images import ImagesConfig, checked_sizes, dimension_problems
from patchmill.config.normalization import MeanStdConfig
from patchmill.config.problems import problem
from patchmill.config.statistics import PerChannel
from patchmill.config.transforms import N2VManipulateConfig, Transform, XYFlipConfig, XYRandomRotate90Config

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

__all__ = ["DataConfig"]

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


class DataConfig(ImagesConfig):
    """The data, the patches, and the statistics that they are normalised by.

    Parameters
    ----------
    data_type : {"array", "tiff", "custom"}
        Where the pixels are: NumPy arrays, TIFF files, or files that a function of the user reads.
    axes : str
        One letter per axis of the images, in their order: any order of a subset of STCZYX with Y and X.
    channels : list of int, optional
        The channels of the images to train on, in this order; all of them if None. Needs C in the axes. Targets keep
        all of theirs.
    normalization : MeanStdConfig, MinMaxConfig, QuantileConfig or NoNormConfig, optional
        What the pixels are normalised by, `MeanStdConfig` by default.
    image_means, image_stds : list of float, optional
        Mean and standard deviation of each channel of the images, for `MeanStdConfig`; with ``per_channel=False`` as
        many equal values as channels. Computed from the training data if None.
    batch_size : int, default=1
        Number of patches in a batch.
    patch_size : list of int
        Size of the patches in pixels, (Z)YX, at least 8 along each axis. Z if and only if the axes hold Z.
    patching : {"sequential", "random", "fixed_random", "stratified"}, optional
        Which patches an epoch has: those of a grid that covers every pixel; as many from anywhere, drawn anew in every
        epoch, or once and for all; or one from around each place of the grid, drawn anew in every epoch. If None, it is
        "sequential" where all images are at hand, and "random" where files are read in turn.
    patch_filter : MaxPatchFilterConfig, MeanStdPatchFilterConfig, ShannonPatchFilterConfig or MaskPatchFilterConfig
        Which patches are trained on. All if None, the default.
    transforms : list of transform configurations, optional
        What is done to the patches, by default `XYFlipConfig` and `XYRandomRotate90Config`. Each kind once at most;
        `N2VManipulateConfig`, which makes the data fit for Noise2Void, comes last.
    target_means, target_stds : list of float, optional
        Mean and standard deviation of each channel of the targets. Computed from the training data if None.
    on_error : {"raise", "skip"}, default="raise"
        What a file that cannot be read does: stop, or be left out with a warning.
    n_files_mixed : int, default=1
        Number of files that are held at once, so that their patches mix, when files are read in turn.
    train_dataloader_params : dict, optional
        Further arguments of the training loader, those of ``torch.utils.data.DataLoader`` or of ``PatchLoader``.
        ``shuffle`` is True unless it, or a sampler, is given.
    val_dataloader_params : dict, optional
        Further arguments of the validation loader.
    seed : int, optional
        Decides every random draw: the order, the regions, the transforms and the validation split. 0 to 2**63 - 1;
        drawn once, and kept, if None.
    """

    setter = "set_means_and_stds"

    patch_size: list[int]
    patching: Literal["sequential", "random", "fixed_random", "stratified"] | None = None
    patch_filter: PatchFilter | None = None
    transforms: list[Transform] = [XYFlipConfig(), XYRandomRotate90Config()]
    target_means: PerChannel | None = None
    target_stds: PerChannel | None = None
    on_error: Literal["raise", "skip"] = "raise"
    n_files_mixed: int = Field(default=1, ge=1)
    train_dataloader_params: dict[str, Any] = {"shuffle": True}
    val_dataloader_params: dict[str, Any] = {}
    seed: Seed = Field(default_factory=_draw_seed)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_seed(cls, data: Any) -> Any:
        """Let a seed be drawn by default only, so that `seed_is_drawn` can tell."""
        if isinstance(data, dict) and data.get("seed", 0) is None:
            return {name: value for name, value in data.items() if name != "seed"}
        return data

    @property
    def seed_is_drawn(self) -> bool:
        """Whether nobody has given the seed, so that another one would do as well."""
        return "seed" not in self.model_fields_set

    @property
    def masks_pixels(self) -> bool:
        """Whether the last transform is `N2VManipulateConfig`, so that items are (masked, original, mask)."""
        return bool(self.transforms) and isinstance(self.transforms[-1], N2VManipulateConfig)

    def statistics(self) -> Iterator[tuple[str, str, list[float]]]:
        """Yield "image" or "target", and path and value of a field, for each pair of statistics that is given."""
        yield from super().statistics()
        if self.target_means is not None:
            yield "target", "target_means", self.target_means

    def set_means_and_stds(
        self,
        image_means: Iterable[float] | None,
        image_stds: Iterable[float] | None,
        target_means: Iterable[float] | None = None,
        target_stds: Iterable[float] | None = None,
    ) -> None:
        """Set the statistics of all channels together. None removes those that were set.

        Parameters
        ----------
        image_means, image_stds : iterable of float or None
            Mean and standard deviation of each channel of the images.
        target_means, target_stds : iterable of float, optional
            The same for the targets.

        Raises
        ------
        ValidationError
            If there are not as many means as standard deviations, or one is not a finite number.
        """
        statistics = {
            "image_means": image_means,
            "image_stds": image_stds,
            "target_means": target_means,
            "target_stds": target_stds,
        }
        self.assign(**{name: None if values is None else list(values) for name, values in statistics.items()})

    def set_3D(self, axes: str, patch_size: Iterable[int]) -> None:  # noqa: N802 - as in CAREamics
        """Set axes and patch size together, as a change between 2D and 3D needs.

        Parameters
        ----------
        axes : str
            One letter per axis of the images.
        patch_size : iterable of int
            Size of the patches in pixels, (Z)YX.

        Raises
        ------
        ValidationError
            If they are not valid, or do not fit each other.
        """
        self.assign(axes=axes, patch_size=list(patch_size))

    @field_validator("patch_size")
    @classmethod
    def _check_patch_is_not_small(cls, size: list[int]) -> list[int]:
        return checked_sizes(size)

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

    def _problems(self) -> Iterator[InitErrorDetails]:
        yield from super()._problems()
        yield from dimension_problems("patch_size", self.patch_size, self.axes)
        yield from self._filter_problems()
        yield from self._mean_problems("target")
        if self.target_means is None or not isinstance(self.normalization, MeanStdConfig):
            return
        if self.image_means is None:
            message = (
                f"expected those of the images too, got {self.target_means} alone. Set image_means and image_stds."
            )
            yield problem("target_means", message, self.target_means)
        if self.normalization.skip_target:
            message = f"expected None, because skip_target is True, got {self.target_means}. Leave the targets' out."
            yield problem("target_means", message, self.target_means)

    def _filter_problems(self) -> Iterator[InitErrorDetails]:
        kept, n_channels = self.patch_filter, self.n_channels
        if kept is None or isinstance(kept, MaskPatchFilterConfig) or n_channels is None:
            return
        if kept.ref_channel >= n_channels:
            message = (
                f"expected less than {n_channels}, the number of channels that are trained on, got {kept.ref_channel}. "
                f"Channels count from 0."
            )
            yield problem("patch_filter.ref_channel", message, kept.ref_channel)
