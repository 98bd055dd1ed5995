"""A configuration that suits the images which are to be trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from patchmill.background import map_in_background
from patchmill.config import (
    Configuration,
    create_care_configuration,
    create_n2n_configuration,
    create_n2v_configuration,
)
from patchmill.errors import AxesError, PatchmillError
from patchmill.sources import ImageFiles, ImageHeader, list_files, parse_axes, read_metadata
from patchmill.sources.files import PathLike
from patchmill.usual import DEPTH, PLANES, VOLUMES, fitting_patch_size, masked_percentage

__all__ = ["Algorithm", "stated_axes", "suggest_configuration"]

Algorithm = Literal["n2v", "n2v2", "care", "n2n"]


def suggest_configuration(
    algorithm: Algorithm,
    data: PathLike | Sequence[PathLike] | None = None,
    target: PathLike | Sequence[PathLike] | None = None,
    *,
    axes: str | None = None,
    n_channels: int | None = None,
    patch_size: Sequence[int] | None = None,
    batch_size: int | None = None,
    num_epochs: int = 100,
    num_steps: int | None = None,
    learning_rate: float = 1e-3,
    struct_n2v_axis: Literal["none", "horizontal", "vertical", "cross", "square"] = "none",
    seed: int | None = None,
    experiment_name: str = "patchmill",
) -> Configuration:
    """Create a configuration for TIFF files, from what the first of them says of itself.

    Parameters
    ----------
    algorithm : {"n2v", "n2v2", "care", "n2n"}
        What is learnt.
    data : path or sequence of paths, optional
        The images: a file, a folder, or several. Nothing of their pixels is read. Without them, they are taken to be
        large.
    target : path or sequence of paths, optional
        Their targets, for CARE and Noise2Noise; they tell how many channels come out.
    axes : str, optional
        The axes of the images. By default those that the first one states, or YX without images.
    n_channels : int, optional
        The number of channels. By default that of the first image.
    patch_size : sequence of int, optional
        The size of the patches, (Z)YX, or one for all axes. By default 64 pixels, 16 along Z, and less in a smaller
        image.
    batch_size : int, optional
        The number of patches in a batch, by default 16, or 4 in 3D.
    num_epochs : int, default=100
        The number of epochs.
    num_steps : int, optional
        The most batches of an epoch; all of them if None.
    learning_rate : float, default=1e-3
        The first learning rate.
    struct_n2v_axis : {"none", "horizontal", "vertical", "cross", "square"}, default="none"
        Which pixels around a masked one Noise2Void hides besides, against noise that is correlated.
    seed : int, optional
        Decides every random draw; drawn if None.
    experiment_name : str, default="patchmill"
        The name of the experiment.

    Returns
    -------
    Configuration
        The configuration. Images of several channels are denoised channel by channel, unless as many do not come out.

    Raises
    ------
    AxesError
        If the axes are not valid, or not stated, or files state others.
    ConfigError
        If the settings do not fit together.
    PatchmillError
        If the first image cannot be read, or is too small.
    """
    header = out = None
    if data is not None:
        first = list_files(data, "tiff")[0]
        axes = parse_axes(axes) if axes is not None else _axes_of_all(data, target)
        header = ImageFiles([first], "tiff", axes).header(0)
        if target is not None:
            out = ImageFiles(list_files(target, "tiff")[:1], "tiff", axes).header(0)
    letters = "YX" if axes is None else axes
    usual = VOLUMES if "Z" in letters.upper() else PLANES
    if patch_size is None:
        patch_size = list(usual.patch_size) if header is None else fitting_patch_size(header, usual)
    elif len(patch_size) == 1:
        patch_size = list(patch_size) * usual.n_dims
    settings: dict[str, Any] = {
        "experiment_name": experiment_name,
        "data_type": "tiff",
        "axes": letters,
        "patch_size": patch_size,
        "batch_size": usual.batch_size if batch_size is None else batch_size,
        "num_epochs": num_epochs,
        "num_steps": num_steps,
        "model_params": {"depth": DEPTH, "num_channels_init": usual.num_channels_init},
        "optimizer_params": {"lr": learning_rate},
        "seed": seed,
    }
    n_in = _n_channels(letters, header) if n_channels is None else n_channels
    if algorithm in ("n2v", "n2v2"):
        return create_n2v_configuration(
            **settings,
            n_channels=n_in,
            use_n2v2=algorithm == "n2v2",
            masked_pixel_percentage=masked_percentage(patch_size),
            struct_n2v_axis=struct_n2v_axis,
        )
    n_out = n_in if out is None else _n_channels(letters, out)
    settings |= {"n_channels_in": n_in, "n_channels_out": n_out, "independent_channels": n_in == n_out}
    create = create_care_configuration if algorithm == "care" else create_n2n_configuration
    return create(**settings)


def _axes_of_all(*data: PathLike | Sequence[PathLike] | None) -> str:
    """Find the axes that the first file states, and check that no other one states others."""
    paths = [path for part in data if part is not None for path in list_files(part, "tiff")]
    axes = read_metadata(paths[0]).require_axes()
    for path, stated in stated_axes(paths[1:]):
        if stated not in (None, axes):
            msg = (
                f"{path}: expected the axes {axes} of {paths[0]}, got {stated}. Give the axes of all files (--axes), "
                "or train on files of one kind."
            )
            raise AxesError(msg)
    return axes


def stated_axes(paths: Sequence[Path]) -> Iterator[tuple[Path, str | None]]:
    """Look up the axes that TIFF files state.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        The files.

    Yields
    ------
    pathlib.Path, str or None
        Each file and its axes; None if it states none, or cannot be read, which is left to those who read it.
    """

    def attempt(path: Path) -> str | None:
        try:
            return read_metadata(path).axes
        except PatchmillError:
            return None

    yield from zip(paths, map_in_background(attempt, paths), strict=True)


def _n_channels(axes: str, header: ImageHeader | None) -> int | None:
    return header.n_channels if header is not None and "C" in axes.upper() else None
