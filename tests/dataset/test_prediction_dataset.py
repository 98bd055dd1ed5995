"""What is predicted comes in order, normalised, in tiles that tell where they lie."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchmill import PredictDataModule
from patchmill.config import DataConfig, InferenceConfig, MinMaxConfig, NoNormConfig
from patchmill.dataset import PredDataset, TileInformation, create_predict_datamodule
from patchmill.errors import ConfigError, DataError, MissingFileError, ShapeError
from tests.dataset.files import read_npy, write_npys, write_tiffs
from tests.dataset.milling import noise

STATS = {"image_means": [1000.0], "image_stds": [200.0]}


def config(axes: str = "YX", **settings: Any) -> InferenceConfig:
    stats = {} if "normalization" in settings else STATS
    return InferenceConfig(**{"data_type": "array", "axes": axes, **stats, **settings})


def ready(*args: Any, **kwargs: Any) -> PredictDataModule:
    module = PredictDataModule(*args, **kwargs)
    module.prepare_data()
    module.setup()
    return module


def normalized(image: np.ndarray, mean: float = 1000.0, std: float = 200.0) -> np.ndarray:
    return (image.astype(np.float32) - np.float32(mean)) * np.float32(1 / (std + 1e-6))


def stitched(batches: Any, n_samples: int) -> list[np.ndarray]:
    """Put tiles back by what they tell, as CAREamics' documentation has it."""
    samples: list[np.ndarray | None] = [None] * n_samples
    for tiles, infos in batches:
        for tile, info in zip(tiles.numpy(), infos, strict=True):
            if samples[info.sample_id] is None:
                samples[info.sample_id] = np.full(info.array_shape, np.nan, np.float32)
            crop = tuple(slice(*span) for span in info.overlap_crop_coords)
            into = tuple(slice(*span) for span in info.stitch_coords)
            samples[info.sample_id][(slice(None), *into)] = tile[(slice(None), *crop)]
    return samples  # type: ignore[return-value]


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    tile=st.integers(9, 40),
    overlap=st.integers(0, 3),
    batch_size=st.integers(1, 9),
    n_samples=st.integers(1, 3),
)
def test_tiles_put_together_are_the_image(
    height: int, width: int, tile: int, overlap: int, batch_size: int, n_samples: int
) -> None:
    image = noise((n_samples, height, width))
    asked = config("SYX", tile_size=[tile, 16], tile_overlap=[2 * overlap + 2, 4], batch_size=batch_size)
    module = ready(asked, image)
    batches = list(module.predict_dataloader())
    assert all(tiles.shape[1:] == (1, tile, 16) for tiles, _ in batches)
    assert [len(tiles) for tiles, _ in batches[:-1]] == [batch_size] * (len(batches) - 1)
    assert sum(len(tiles) for tiles, _ in batches) == len(module.predict_dataset)
    for sample, expected in zip(stitched(batches, n_samples), image, strict=True):
        assert sample.tobytes() == normalized(expected)[np.newaxis].tobytes()
    last = [info.last_tile for _, infos in batches for info in infos]
    assert sum(last) == n_samples
    assert last[-1]


def test_tiles_lie_where_those_of_careamics_do() -> None:
    infos = [PredDataset(config(tile_size=[64, 64], tile_overlap=[16, 16]), noise((100, 64)))[i][1] for i in range(2)]
    assert infos == [
        TileInformation(
            array_shape=(1, 100, 64),
            last_tile=is_last,
            overlap_crop_coords=(crop, (0, 64)),
            stitch_coords=(into, (0, 64)),
            sample_id=0,
        )
        for is_last, crop, into in ((False, (0, 56), (0, 56)), (True, (20, 64), (56, 100)))
    ]


def test_volumes_channels_and_several_images() -> None:
    images = [noise((2, 9, 40, 30), seed=1), noise((2, 20, 33, 50), seed=2)]
    stats = {"image_means": [1000.0, 500.0], "image_stds": [200.0, 3.0]}
    asked = config("CZYX", tile_size=[8, 16, 16], tile_overlap=[2, 4, 4], batch_size=5, **stats)
    samples = stitched(ready(asked, images).predict_dataloader(), 2)
    for sample, image in zip(samples, images, strict=True):
        expected = np.stack([normalized(image[0]), normalized(image[1], 500.0, 3.0)])
        assert sample.tobytes() == expected.tobytes()
    picked = config("CZYX", tile_size=[8, 16, 16], tile_overlap=[2, 4, 4], channels=[1])
    sample, _ = stitched(ready(picked, images).predict_dataloader(), 2)
    assert sample.tobytes() == normalized(images[0][1])[np.newaxis].tobytes()


def test_whole_samples_of_one_size_share_a_batch_and_others_do_not() -> None:
    images = [noise((3, 20, 20)), noise((2, 30, 10), seed=1), noise((1, 30, 10), seed=2)]
    module = ready(config("TYX", batch_size=2), images)
    batches = list(module.predict_dataloader())
    assert [tuple(samples.shape) for (samples,) in batches] == [
        (2, 1, 20, 20),
        (1, 1, 20, 20),
        (2, 1, 30, 10),
        (1, 1, 30, 10),
    ]
    assert len(module.predict_dataloader()) == 4
    got = [sample for (samples,) in batches for sample in samples.numpy()]
    for sample, expected in zip(got, itertools.chain(*images), strict=True):
        assert sample.tobytes() == normalized(expected)[np.newaxis].tobytes()


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("tiled", [True, False])
def test_files_come_in_order_whatever_the_workers(tmp_path: Path, num_workers: int, tiled: bool) -> None:
    shapes = [(3, 20, 20), (2, 20, 20), (1, 20, 20)]
    paths = write_tiffs(tmp_path, shapes)
    images = [noise(shape, seed=number) for number, shape in enumerate(shapes)]
    tiles = {"tile_size": [16, 16], "tile_overlap": [4, 4]} if tiled else {}
    asked = config("SYX", data_type="tiff", batch_size=2, **tiles)
    module = ready(asked, tmp_path, dataloader_params={"num_workers": num_workers})
    assert module.pred_files == paths
    if tiled:
        samples = stitched(module.predict_dataloader(), 6)
    else:
        samples = [sample for (batch,) in module.predict_dataloader() for sample in batch.numpy()]
    for sample, expected in zip(samples, itertools.chain(*images), strict=True):
        assert sample.tobytes() == normalized(expected)[np.newaxis].tobytes()


def test_custom_files_are_read_by_the_function_of_the_user(tmp_path: Path) -> None:
    write_npys(tmp_path)
    (tmp_path / "notes.txt").write_text("not an image")
    module = ready(config(data_type="custom"), tmp_path, read_npy, "*.npy")
    assert len(module.predict_dataset) == 5
    for (batch,), expected in zip(module.predict_dataloader(), [(64, 64), (40, 90)], strict=False):
        assert batch.shape == (1, 1, *expected)
    again = pickle.loads(pickle.dumps(module.predict_dataset))
    assert again[3][0].tobytes() == module.predict_dataset[3][0].tobytes()


def test_min_max_normalisation_and_none_are_used() -> None:
    image = noise((16, 16))
    (plain,) = PredDataset(config(normalization=NoNormConfig()), image)[0]
    assert plain.tobytes() == image.astype(np.float32).tobytes()
    range_config = MinMaxConfig(input_mins=[10.0], input_maxes=[110.0])
    (scaled,) = PredDataset(config(normalization=range_config), image)[0]
    expected = (image.astype(np.float32) - np.float32(10)) * np.float32(1 / (100 + 1e-8))
    assert scaled.tobytes() == expected[np.newaxis].tobytes()


def test_the_factory_makes_the_same() -> None:
    module = create_predict_datamodule(
        noise((40, 40)), "array", "YX", [1000.0], [200.0], (16, 16), (4, 4), batch_size=3
    )
    module.prepare_data()
    module.setup()
    tiles, infos = next(iter(module.predict_dataloader()))
    assert (tiles.shape, len(infos)) == ((3, 1, 16, 16), 3)
    assert module.tiled


def test_what_cannot_be_predicted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="array"):
        PredictDataModule(config(data_type="tiff"), noise((8, 8)))
    with pytest.raises(ConfigError, match="tiff"):
        PredictDataModule(config(), tmp_path)
    with pytest.raises(ConfigError, match="read_source_func"):
        PredictDataModule(config(data_type="custom"), tmp_path)
    with pytest.raises(ConfigError, match="shuffle"):
        PredictDataModule(config(), noise((8, 8)), dataloader_params={"shuffle": True})
    with pytest.raises(MissingFileError):
        ready(config(data_type="tiff"), tmp_path)
    image = noise((8, 8), np.float32)
    image[3, 4] = np.nan
    with pytest.raises(DataError, match="NaN"):
        ready(config(), image)


@pytest.mark.parametrize("make", [PredictDataModule, create_predict_datamodule])
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"batch_size": 7}, "dataloader_params: expected no 'batch_size', because predictions are made in order"),
        ({"num_workers": -1}, "dataloader_params, num_workers: expected a whole number from 0 to 1024, got -1"),
        ({"num_workers": "x"}, "dataloader_params, num_workers: expected a whole number from 0 to 1024, got 'x'"),
        ({"pin_memory": "no"}, "dataloader_params, pin_memory: expected True or False, got 'no'"),
    ],
)
def test_parameters_of_the_loader_that_it_cannot_have_are_refused(
    make: Any, params: dict[str, Any], message: str
) -> None:
    image = noise((40, 40))
    arguments = (config(), image) if make is PredictDataModule else (image, "array", "YX", [1000.0], [200.0])
    with pytest.raises(ConfigError, match=f"^{message}"):
        make(*arguments, dataloader_params=params)


def test_parameters_of_the_loader_that_are_none_are_not_given() -> None:
    module = ready(config(), noise((40, 40)), dataloader_params={"num_workers": None, "pin_memory": None})
    assert module.predict_dataloader().num_workers == 0


def test_a_configuration_of_a_training_is_refused() -> None:
    training: Any = DataConfig(data_type="array", axes="YX", patch_size=[16, 16])
    with pytest.raises(ConfigError, match=r"pred_config: expected an InferenceConfig, got DataConfig. Make one with"):
        PredictDataModule(training, noise((40, 40)))


@pytest.mark.parametrize(
    ("settings", "what"), [({}, "mean"), ({"normalization": MinMaxConfig(input_mins=[1], input_maxes=[9])}, "range")]
)
def test_images_have_the_channels_of_the_statistics(tmp_path: Path, settings: dict[str, Any], what: str) -> None:
    message = f"expected 1 channels, one per given {what}, got 2. Give images like those of the training"
    with pytest.raises(ShapeError, match=f"^array: {message}"):
        ready(config("CYX", **settings), noise((2, 40, 40)))
    (path,) = write_tiffs(tmp_path, [(2, 40, 40)])
    with pytest.raises(ShapeError, match=f"{path.name}: {message}"):
        ready(config("CYX", data_type="tiff", **settings), tmp_path)
    assert len(ready(config("CYX", channels=[1], **settings), noise((2, 40, 40))).predict_dataset) == 1
    assert len(ready(config("CYX", normalization=NoNormConfig()), noise((2, 40, 40))).predict_dataset) == 1
