"""A loop of one's own over the data module gives what `predict` gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from patchmill import PredictDataModule
from patchmill.config import InferenceConfig
from patchmill.errors import ShapeError
from patchmill.prediction import convert_outputs, predict_image, stitch_prediction
from patchmill.sources import Image, Normalization
from tests.prediction.test_predict import network

RNG = np.random.default_rng(8)
STATISTICS = {"image_means": [0.0], "image_stds": [1 - 1e-6]}


def module(axes: str, arrays: list[np.ndarray], *, batch_size: int = 3, is_tiled: bool = True) -> PredictDataModule:
    n_dims = 3 if "Z" in axes else 2
    tiles = {"tile_size": [8, 16, 16][-n_dims:], "tile_overlap": [2, 4, 4][-n_dims:]} if is_tiled else {}
    config = InferenceConfig(data_type="array", axes=axes, batch_size=batch_size, **STATISTICS, **tiles)
    data = PredictDataModule(config, arrays)
    data.setup()
    return data


@pytest.mark.parametrize(("axes", "shapes"), [("SYX", [(2, 40, 50), (1, 10, 33)]), ("ZYX", [(11, 20, 30)])])
@pytest.mark.parametrize("to", ["batches", "single tiles", "arrays"])
def test_a_loop_of_ones_own_gives_the_samples(axes: str, shapes: list[tuple[int, ...]], to: str) -> None:
    arrays = [RNG.normal(size=shape).astype("f4") for shape in shapes]
    data, model = module(axes, arrays), network(2 if "S" in axes else 3).eval()
    with torch.no_grad():
        outputs = [(model(tiles), infos) for tiles, infos in data.predict_dataloader()]
    infos = [info for _, batch_infos in outputs for info in batch_infos]
    if to == "batches":
        samples = convert_outputs(outputs, tiled=True)
    elif to == "single tiles":
        samples = stitch_prediction([tile for tiles, _ in outputs for tile in tiles], infos)
    else:
        samples = stitch_prediction([tile[None].numpy() for tiles, _ in outputs for tile in tiles], infos)
    n_dims = 2 if "S" in axes else 3
    plain = Normalization.identity(1)
    expected = [
        predict_image(
            model,
            Image.of("array", array, axes),
            normalization=plain,
            target_normalization=plain,
            tile_size=(8, 16, 16)[-n_dims:],
            tile_overlap=(2, 4, 4)[-n_dims:],
        ).reshape(-1, 1, 1, *shape[-n_dims:])
        for array, shape in zip(arrays, shapes, strict=True)
    ]
    np.testing.assert_equal([sample.shape for sample in samples], [s.shape for array in expected for s in array])
    for sample, wanted in zip(samples, (s for array in expected for s in array), strict=True):
        assert sample.dtype == np.float32
        np.testing.assert_allclose(sample, wanted, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_samples_that_are_not_tiled_are_listed(batch_size: int) -> None:
    array = RNG.normal(size=(5, 16, 16)).astype("f4")
    outputs = [
        2 * samples for (samples,) in module("SYX", [array], batch_size=batch_size, is_tiled=False).predict_dataloader()
    ]
    for given in (outputs, [(batch,) for batch in outputs]):
        samples = convert_outputs(given, tiled=False)
        assert [sample.shape for sample in samples] == [(1, 1, 16, 16)] * 5
        np.testing.assert_allclose(np.concatenate(samples)[:, 0], 2 * array, rtol=1e-5)


def test_a_network_may_have_other_channels_out_than_in() -> None:
    data = module("YX", [RNG.normal(size=(20, 30))])
    outputs = [(tiles.repeat(1, 3, 1, 1), infos) for tiles, infos in data.predict_dataloader()]
    (sample,) = convert_outputs(outputs, tiled=True)
    assert sample.shape == (1, 3, 20, 30)


def test_no_predictions_are_no_samples() -> None:
    assert convert_outputs([], tiled=True) == convert_outputs([], tiled=False) == []


def _outputs() -> tuple[list[Any], list[Any]]:
    batches = list(module("YX", [RNG.normal(size=(20, 30))], batch_size=1).predict_dataloader())
    return [tiles for tiles, _ in batches], [info for _, infos in batches for info in infos]


def test_tiles_that_do_not_fit_what_is_said_of_them_are_refused() -> None:
    tiles, infos = _outputs()
    with pytest.raises(ShapeError, match=f"tiles: expected {len(infos)}, one for each of tile_infos, got "):
        stitch_prediction(tiles[:-1], infos)
    with pytest.raises(ShapeError, match="expected the last tile of sample 0, got none"):
        stitch_prediction(tiles[:-1], infos[:-1])
    with pytest.raises(ShapeError, match=r"tile 0: expected .* pixels to be kept, got"):
        stitch_prediction([tile[..., :6] for tile in tiles], infos)
    with pytest.raises(ShapeError, match="tiles: expected 3 axes, as in tile_infos, or one more for a batch, got 2"):
        stitch_prediction([tile[0, 0] for tile in tiles], infos)


# Each: which of the tiles of two samples of four tiles each are given, and what is said.
INCOMPLETE: dict[str, tuple[list[int], str]] = {
    "no last tile": ([0, 1, 2, 4, 5, 6, 7], "tile 3: expected a tile of sample 0, got one of sample 1"),
    "no last tile at all": ([0, 1, 2], "tile_infos: expected the last tile of sample 0, got none"),
    "no first tile": ([1, 2, 3], "sample 0: expected tiles with all of its 560 pixels, got 364: .* Y 0, X 0[.]"),
    "no middle tile": ([0, 1, 3], "sample 0: expected .* got 476: there is no tile with Y 14, X 0[.] Give all"),
    "no first tile of the second sample": ([0, 1, 2, 3, 5, 6, 7], "sample 1: expected tiles with all of its 560 pix"),
    "a tile twice": ([0, 1, 1, 2, 3], "sample 0, tile 2: expected pixels .* got some again, at Y 0 to 13, X 14 to 27"),
    "interleaved samples": ([0, 4, 1, 5, 2, 6, 3, 7], "tile 1: expected a tile of sample 0, got one of sample 1"),
    "a sample twice": ([0, 1, 2, 3, 0, 1, 2, 3], "tile 4: expected a tile of sample 1, got one of sample 0"),
    "samples the other way round": ([4, 5, 6, 7, 0, 1, 2, 3], "tile 4: expected a tile of sample 2, got one of sam"),
}


@pytest.mark.parametrize("case", INCOMPLETE)
def test_missing_repeated_and_mixed_tiles_are_refused(case: str) -> None:
    numbers, message = INCOMPLETE[case]
    batches = list(module("SYX", [RNG.normal(size=(2, 20, 28))], batch_size=1).predict_dataloader())
    with pytest.raises(ShapeError, match=f"^{message}"):
        convert_outputs([batches[number] for number in numbers], tiled=True)


def test_a_missing_sample_is_refused_and_one_alone_is_taken() -> None:
    batches = list(module("SYX", [RNG.normal(size=(3, 12, 12))], batch_size=1).predict_dataloader())
    with pytest.raises(ShapeError, match="tile 1: expected a tile of sample 1, got one of sample 2"):
        convert_outputs([batches[0], batches[2]], tiled=True)
    (sample,) = convert_outputs(batches[2:], tiled=True)
    np.testing.assert_array_equal(sample[0], batches[2][0][0, :, :12, :12])


def test_the_tiles_of_another_image_are_refused() -> None:
    small, large = (
        list(module("YX", [RNG.normal(size=shape)], batch_size=1).predict_dataloader())
        for shape in ((20, 30), (20, 31))
    )
    with pytest.raises(
        ShapeError, match=r"sample 0, tile 1: expected .* array_shape \(1, 20, 30\), got one of \(1, 20, 31"
    ):
        convert_outputs([small[0], *large[1:]], tiled=True)
