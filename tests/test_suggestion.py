"""A configuration that is suggested for images can be trained on them."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tifffile

from patchmill.cli import options
from patchmill.config import N2VManipulateConfig
from patchmill.dataset import TrainDataModule
from patchmill.errors import AxesError, ConfigError, ShapeError
from patchmill.samples import simulate_fluorescence
from patchmill.suggestion import Algorithm, suggest_configuration

PLANE = simulate_fluorescence((80, 100), seed=2).noisy

# Each: axes, an image, and the patch size and the number of channels that suit it.
IMAGES: dict[str, tuple[str, np.ndarray, list[int], int]] = {
    "plane": ("YX", PLANE, [40, 48], 1),
    "series": ("TYX", np.stack([PLANE] * 3), [40, 48], 1),
    "channels": ("CYX", np.stack([PLANE] * 2), [40, 48], 2),
    "volume": ("ZYX", np.stack([PLANE] * 10), [8, 40, 48], 1),
    "small": ("YX", PLANE[:9, :20], [8, 8], 1),
}


@pytest.mark.parametrize("algorithm", get_args(Algorithm))
@pytest.mark.parametrize("kind", IMAGES)
def test_what_is_suggested_suits_the_images(tmp_path: Path, kind: str, algorithm: Algorithm) -> None:
    axes, image, patch_size, n_channels = IMAGES[kind]
    path = tmp_path / "image.ome.tif"
    tifffile.imwrite(path, image, metadata={"axes": axes})
    target = None if algorithm in ("n2v", "n2v2") else path
    config = suggest_configuration(algorithm, path, target, seed=1)
    data, model = config.data_config, config.algorithm_config.model
    assert (data.axes, data.patch_size) == (axes, patch_size)
    assert (model.in_channels, model.num_classes) == (n_channels, n_channels)
    module = TrainDataModule(data, path, path, target, target)
    module.prepare_data()
    module.setup()
    batch = next(iter(module.train_dataloader()))
    assert list(batch[0].shape[1:]) == [n_channels, *patch_size]
    if target is None:
        assert batch[2].any(dim=0).any(), "pixels are masked, however small a patch is"
        masking = data.transforms[-1]
        assert isinstance(masking, N2VManipulateConfig)
        assert masking.strategy == ("median" if algorithm == "n2v2" else "uniform")


def test_the_command_line_has_the_same_algorithms() -> None:
    assert get_args(options.Algorithm) == get_args(Algorithm)


def test_what_nothing_can_be_suggested_for_says_why(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.stack([PLANE] * 5))
    with pytest.raises(AxesError, match=r"image\.tif: expected the axes"):
        suggest_configuration("n2v", path)
    with pytest.raises(ShapeError, match=r"image\.tif, axis Z: expected at least 8 pixels, got 5"):
        suggest_configuration("n2v", path, axes="ZYX")
    with pytest.raises(ConfigError, match="n_channels: expected the number of channels"):
        suggest_configuration("n2v", axes="CYX")


def test_files_that_state_other_axes_are_told(tmp_path: Path) -> None:
    for name, axes in (("a", "CYX"), ("b", "TYX")):
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", np.stack([PLANE] * 2), metadata={"axes": axes})
    (tmp_path / "c.tif").write_bytes(b"no image")
    with pytest.raises(
        AxesError, match=r"b\.ome\.tif: expected the axes CYX of .*a\.ome\.tif, got TYX\. Give the axes"
    ):
        suggest_configuration("n2v", tmp_path)
    assert suggest_configuration("n2v", tmp_path, axes="TYX").data_config.axes == "TYX"
