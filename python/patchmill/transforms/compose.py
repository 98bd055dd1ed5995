"""Transforms one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeAlias, overload

from numpy.typing import NDArray

from patchmill.config import N2VManipulateConfig, NormalizeConfig, XYFlipConfig, XYRandomRotate90Config
from patchmill.errors import ConfigError
from patchmill.transforms.draws import Draws
from patchmill.transforms.n2v_manipulate import N2VManipulate
from patchmill.transforms.normalize import Normalize
from patchmill.transforms.spatial import SpatialTransform
from patchmill.transforms.xy_flip import XYFlip
from patchmill.transforms.xy_random_rotate90 import XYRandomRotate90

if TYPE_CHECKING:
    import torch

__all__ = ["Compose", "get_all_transforms"]

TransformConfig: TypeAlias = NormalizeConfig | XYFlipConfig | XYRandomRotate90Config | N2VManipulateConfig


def get_all_transforms() -> dict[str, type]:
    """Return the transforms that `Compose` knows, by the names in their configurations."""
    return {
        "Normalize": Normalize,
        "XYFlip": XYFlip,
        "XYRandomRotate90": XYRandomRotate90,
        "N2VManipulate": N2VManipulate,
    }


class Compose:
    """Apply transforms one after the other.

    Parameters
    ----------
    transform_list : sequence of transform configurations
        `NormalizeConfig`, `XYFlipConfig`, `XYRandomRotate90Config` in any order; `N2VManipulateConfig` comes last. The
        datasets normalise, flip and turn, in this order, whatever the order of theirs.
    seed : int, optional
        Seed of the draws of all of them, 0 to 2**63 - 1; drawn once if None. With that of a `DataConfig`, draws are
        those of its datasets.

    Attributes
    ----------
    transforms : list of callables
        The transforms.

    Raises
    ------
    ConfigError
        If something else is among the transforms, or masking comes before another one.
    """

    def __init__(self, transform_list: Sequence[TransformConfig], *, seed: int | None = None) -> None:
        seed = Draws(seed).seed
        self.transforms = [_create(config, seed) for config in transform_list]
        for transform in self.transforms[:-1]:
            if isinstance(transform, N2VManipulate):
                names = ", ".join(config.name for config in transform_list)
                msg = f"transform_list: expected N2VManipulate to be the last one, got {names}. Move it to the end."
                raise ConfigError(msg)

    @overload
    def __call__(
        self,
        patch: NDArray[Any],
        target: NDArray[Any] | None = None,
        *,
        item: SupportsIndex | None = None,
        epoch: SupportsIndex | None = None,
    ) -> tuple[NDArray[Any], ...]: ...
    @overload
    def __call__(
        self,
        patch: torch.Tensor,
        target: torch.Tensor | None = None,
        *,
        item: SupportsIndex | None = None,
        epoch: SupportsIndex | None = None,
    ) -> tuple[torch.Tensor, ...]: ...
    def __call__(
        self,
        patch: Any,
        target: Any = None,
        *,
        item: SupportsIndex | None = None,
        epoch: SupportsIndex | None = None,
    ) -> tuple[Any, ...]:
        """Transform a patch.

        Parameters
        ----------
        patch : numpy.ndarray or torch.Tensor, C(Z)YX
            The patch.
        target : the same, optional
            Its target. There is none with `N2VManipulate`.
        item : int, optional
            The number of the patch: what is drawn is what the datasets draw for this item. An index of `PatchSampler`
            knows its epoch. By default, calls are counted, in every worker of a torch DataLoader apart.
        epoch : int, optional
            The epoch of the item, by default 0.

        Returns
        -------
        tuple of arrays
            ``(patch,)`` or, with a target, ``(patch, target)``; ``(masked, original, mask)`` with `N2VManipulate`.

        Raises
        ------
        PatchmillError
            If a transform cannot be applied; see its class.
        """
        masking = self._masking
        if masking is not None and target is not None:
            msg = "target: expected none with N2VManipulate, got one. Leave it, or the masking, out."
            raise ConfigError(msg)
        patch, target, _ = self._chained(patch, target, {}, item, epoch)
        if masking is not None:
            return masking(patch, item=item, epoch=epoch)
        return (patch,) if target is None else (patch, target)

    @overload
    def transform_with_additional_arrays(
        self,
        patch: NDArray[Any],
        target: NDArray[Any] | None = None,
        *,
        item: SupportsIndex | None = None,
        epoch: SupportsIndex | None = None,
        **additional_arrays: NDArray[Any],
    ) -> tuple[NDArray[Any], NDArray[Any] | None, dict[str, NDArray[Any]]]: ...
    @overload
    def transform_with_additional_arrays(
        self,
        patch: torch.Tensor,
        target: torch.Tensor | None = None,
        *,
        item: SupportsIndex | None = None,
        epoch: SupportsIndex | None = None,
        **additional_arrays: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor | None, dict[str, torch.Tensor]]: ...
    def transform_with_additional_arrays(
        self,
        patch: Any,
        target: Any = None,
        *,
        item: SupportsIndex | None = None,
        epoch: SupportsIndex | None = None,
        **additional_arrays: Any,
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Transform a patch and further arrays with it.

        Parameters
        ----------
        patch, target, item, epoch
            As in a call.
        **additional_arrays : numpy.ndarray or torch.Tensor
            Arrays that are transformed as the patch is, by its statistics too.

        Returns
        -------
        tuple of array, array or None, and dict of str to array
            The patch, the target and the further arrays.

        Raises
        ------
        PatchmillError
            If there is an `N2VManipulate`, which makes other arrays of a patch, or a transform cannot be applied.
        """
        if self._masking is not None:
            msg = "additional arrays: expected none with N2VManipulate. Leave it out, and call it with the patch after."
            raise ConfigError(msg)
        return self._chained(patch, target, additional_arrays, item, epoch)

    @property
    def _masking(self) -> N2VManipulate | None:
        last = self.transforms[-1] if self.transforms else None
        return last if isinstance(last, N2VManipulate) else None

    def _chained(
        self,
        patch: Any,
        target: Any,
        others: dict[str, Any],
        item: SupportsIndex | None,
        epoch: SupportsIndex | None,
    ) -> tuple[Any, Any, dict[str, Any]]:
        for transform in self.transforms:
            if isinstance(transform, Normalize):
                patch, target, others = transform(patch, target, **others)
            elif isinstance(transform, SpatialTransform):
                patch, target, others = transform(patch, target, item=item, epoch=epoch, **others)
        return patch, target, others


def _create(config: TransformConfig, seed: int) -> Normalize | SpatialTransform | N2VManipulate:
    match config:
        case NormalizeConfig():
            return Normalize(**config.model_dump(exclude={"name"}))
        case XYFlipConfig():
            return XYFlip(**config.model_dump(exclude={"name"}), seed=seed)
        case XYRandomRotate90Config():
            return XYRandomRotate90(p=config.p, seed=seed)
        case N2VManipulateConfig():
            return N2VManipulate(config, seed=seed)
    msg = (
        f"transform_list: expected configurations of {', '.join(get_all_transforms())}, got {config!r}. "
        "They are in patchmill.config."
    )
    raise ConfigError(msg)
