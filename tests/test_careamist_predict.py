"""CAREamist predicts whatever images come as, in memory or onto the disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from patchmill import CAREamist, PredictDataModule
from patchmill.config import (
    InferenceConfig,
    create_care_configuration,
    create_n2n_configuration,
    create_n2v_configuration,
)
from patchmill.errors import ConfigError, OutputExistsError, PatchmillError, ShapeError
from patchmill.prediction import predict
from patchmill.training.callbacks import Callback

RNG = np.random.default_rng(6)
STATISTICS = {"image_means": [10.0], "image_stds": [4.0]}
TARGETS = {"target_means": [-3.0], "target_stds": [0.5]}
TILES: dict[str, Any] = {"tile_size": (16, 16), "tile_overlap": (4, 4)}


@pytest.fixture(autouse=True)
def _same_weights() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def careamist(folder: Path, algorithm: str = "n2v", **arguments: Any) -> CAREamist:
    """Make a network that has its statistics, and random weights."""
    create: Any = {"n2v": create_n2v_configuration, "care": create_care_configuration, "n2n": create_n2n_configuration}
    given = {"data_type": "array", "axes": "YX", **arguments}
    config = create[algorithm](
        experiment_name="test",
        patch_size=[8, 24, 24] if "Z" in given["axes"] else [24, 24],
        batch_size=4,
        num_epochs=1,
        model_params={"depth": 1, "num_channels_init": 8},
        **given,
    )
    config.data_config.assign(**STATISTICS, **({} if algorithm == "n2v" else TARGETS))
    return CAREamist(config, folder, device="cpu")


def cells(*shape: int) -> np.ndarray:
    return RNG.normal(10, 4, shape).astype("f4")


def test_files_folders_lists_and_arrays_are_predicted_alike(tmp_path: Path) -> None:
    arrays = [cells(20, 30), cells(17, 25), cells(40, 16)]
    folder = tmp_path / "cells"
    folder.mkdir()
    paths = []
    for number, array in enumerate(arrays):
        np.save(folder / f"{number}.npy", array)
        paths.append(folder / f"{number}.tif")
        tifffile.imwrite(paths[-1], array, compression="zlib" if number else None)
    model = careamist(tmp_path)
    expected = model.predict(arrays, batch_size=3, **TILES)
    assert [image.shape for image in expected] == [image.shape for image in arrays]
    custom = {"data_type": "custom", "read_source_func": np.load, "extension_filter": "*.npy"}
    for source, options in (
        (folder, {"data_type": "tiff"}),
        (paths, {"data_type": "tiff"}),
        (str(folder), custom),
        ([folder / f"{number}.npy" for number in range(3)], custom),
    ):
        for got, wanted in zip(model.predict(source, batch_size=3, **TILES, **options), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)
    (one,) = model.predict(paths[1], data_type="tiff", **TILES)
    np.testing.assert_allclose(one, expected[1], rtol=1e-5)


def test_axes_may_be_others_than_those_of_the_training(tmp_path: Path) -> None:
    model, stack = careamist(tmp_path), cells(3, 20, 24)
    (predicted,) = model.predict(stack, axes="TYX", **TILES)
    (turned,) = model.predict(stack.transpose(1, 0, 2), axes="YTX", **TILES)
    assert predicted.shape == (3, 20, 24)
    np.testing.assert_allclose(turned, predicted.transpose(1, 0, 2), rtol=1e-5)
    for number in range(3):
        np.testing.assert_allclose(model.predict(stack[number], **TILES)[0], predicted[number], rtol=1e-5)


@pytest.mark.parametrize(("algorithm", "mean", "std"), [("n2v", 10.0, 4.0), ("care", -3.0, 0.5), ("n2n", -3.0, 0.5)])
def test_predictions_are_brought_back_by_the_statistics_of_what_was_learnt(
    tmp_path: Path, algorithm: str, mean: float, std: float
) -> None:
    model, image = careamist(tmp_path, algorithm), cells(20, 20)
    normalised = torch.from_numpy((image - 10) / 4)[None, None]
    with torch.no_grad():
        expected = model.model.eval()(normalised)[0, 0].numpy() * std + mean
    np.testing.assert_allclose(model.predict(image)[0], expected, rtol=1e-4, atol=1e-4)


def data_module(source: Any, **options: Any) -> PredictDataModule:
    parameters = {
        "data_type": "array",
        "axes": "YX",
        **STATISTICS,
        "tile_size": [16, 16],
        "tile_overlap": [4, 4],
        "tta_transforms": False,
        **options,
    }
    return PredictDataModule(InferenceConfig(**parameters), source)


@pytest.mark.parametrize("algorithm", ["n2v", "care"])
@pytest.mark.parametrize("tta_transforms", [False, True])
def test_a_data_module_is_predicted_as_it_says(tmp_path: Path, algorithm: str, tta_transforms: bool) -> None:
    model, arrays = careamist(tmp_path, algorithm), [cells(3, 20, 24), cells(1, 30, 24)]
    expected = model.predict(arrays, axes="SYX", batch_size=2, tta_transforms=tta_transforms, **TILES)
    data = data_module(arrays, axes="SYX", batch_size=2, tta_transforms=tta_transforms)
    for got, wanted in zip(model.predict(data), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
    paths = model.predict_to_disk(data)
    for path, wanted in zip(paths, expected, strict=True):
        np.testing.assert_array_equal(tifffile.imread(path).reshape(wanted.shape), wanted)


def test_augmentation_is_that_of_the_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = cells(32, 32)
    model, plain = careamist(tmp_path), careamist(tmp_path, augmentations=[])
    plain.model.load_state_dict(model.model.state_dict())
    (once,) = model.predict(image, **TILES)
    (averaged,) = model.predict(image, tta_transforms=True, **TILES)
    assert np.abs(averaged - once).max() > 1e-3
    with caplog.at_level(logging.INFO, "patchmill"):
        (same,) = plain.predict(image, tta_transforms=True, **TILES)
    np.testing.assert_array_equal(same, once)
    assert "tta_transforms: without effect, as the network was trained without flips and turns" in caplog.text


def test_parameters_of_loaders_are_taken_as_they_can_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, image = careamist(tmp_path), cells(32, 32)
    expected = model.predict(image, **TILES)
    with caplog.at_level(logging.INFO, "patchmill"):
        params = {"num_workers": 3, "pin_memory": True, "persistent_workers": False, "shuffle": False}
        np.testing.assert_array_equal(model.predict(image, dataloader_params=params, **TILES), expected)
    assert [line for line in caplog.messages if "ignored" in line] == [
        "pin_memory: ignored, tiles are made by threads and not by processes"
    ]


def test_a_bar_is_drawn_for_whatever_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = careamist(tmp_path), []

    def track(steps: Any, description: str, *, visible: bool) -> Iterator[Any]:
        del visible
        results = list(steps)
        seen.append((description, len(steps), len(results)))
        yield from results

    monkeypatch.setattr(predict, "track", track)
    for number in range(2):
        np.save(tmp_path / f"{number}.npy", cells(20, 30))
    model.predict([cells(20, 30), cells(16, 16)], batch_size=5, **TILES)
    model.predict(cells(20, 30), batch_size=5, **TILES)
    model.predict(tmp_path, data_type="custom", read_source_func=np.load, extension_filter="*.npy", **TILES)
    assert seen == [
        ("Predicting 2 images", 2 * 3 + 1, 2 * 3 + 1),
        ("Predicting array", 6, 6),
        ("Predicting 2 images", 2, 2),
    ]


def test_files_go_below_the_work_folder(tmp_path: Path) -> None:
    model, image = careamist(tmp_path / "run"), cells(20, 20)
    (path,) = model.predict_to_disk(image, **TILES)
    assert path == tmp_path / "run" / "predictions" / "array_0.tiff"
    np.testing.assert_array_equal(tifffile.imread(path), model.predict(image, **TILES)[0])
    (elsewhere,) = model.predict_to_disk(image, prediction_dir=tmp_path / "there", **TILES)
    assert elsewhere == tmp_path / "there" / "array_0.tiff"
    with pytest.raises(OutputExistsError):
        model.predict_to_disk(image)
    assert model.predict_to_disk(image, overwrite=True) == [path]


def test_files_are_written_by_a_function_with_its_arguments(tmp_path: Path) -> None:
    def write(path: Path, image: np.ndarray, *, key: str) -> None:
        np.savez(path, **{key: image})

    model, image = careamist(tmp_path), cells(20, 20)
    (path,) = model.predict_to_disk(
        image,
        write_type="custom",
        write_extension=".npz",
        write_func=write,
        write_func_kwargs={"key": "cells"},
    )
    np.testing.assert_array_equal(np.load(path)["cells"], model.predict(image)[0])


# Each: the source, the arguments, the error, and what it says.
REFUSED: dict[str, tuple[Any, dict[str, Any], type[PatchmillError], str]] = {
    "a tile that cannot be halved": (
        cells(20, 20),
        {"tile_size": (15, 16)},
        ConfigError,
        "tile_size, axis Y: expected a multiple of 2",
    ),
    "an odd overlap": (cells(20, 20), {**TILES, "tile_overlap": (3, 4)}, ConfigError, "expected even overlaps"),
    "an overlap as large as the tile": (
        cells(20, 20),
        {**TILES, "tile_overlap": (16, 4)},
        ConfigError,
        "smaller than the tile .16 along Y., got 16 along Y",
    ),
    "other channels": (
        cells(2, 20, 20),
        {"axes": "CYX"},
        ShapeError,
        "array, axis C: expected 1 channels, as the network was trained on, got 2",
    ),
    "an unknown blend": (
        cells(20, 20),
        {"blend": "cubic"},
        ConfigError,
        "blend: expected 'gaussian', 'linear' or None",
    ),
    "a data module whose tiles do not fit": (
        data_module(cells(20, 20), tile_size=[15, 16]),
        {},
        ConfigError,
        "tile_size, axis Y: expected a multiple of 2, .*, got 15. Use 16.",
    ),
    "a data module and tiles": (
        data_module(cells(20, 20)),
        TILES,
        ConfigError,
        "tile_size: expected none with a PredictDataModule, which has its own, got one",
    ),
    "a data module with the statistics of other channels": (
        data_module(cells(20, 20), image_means=[1.0, 2.0], image_stds=[1.0, 2.0]),
        {},
        ConfigError,
        "image_means: expected statistics of 1 channels, as the network was trained on, got 2",
    ),
    "a shuffled loader": (
        cells(20, 20),
        {"dataloader_params": {"shuffle": True}},
        ConfigError,
        "dataloader_params: expected no 'shuffle', because predictions are made in order",
    ),
    "a loader without an order": (
        cells(20, 20),
        {"dataloader_params": {"shuffle": "no"}},
        ConfigError,
        "dataloader_params, shuffle: expected True or False, got 'no'",
    ),
    "a negative number of workers": (
        cells(20, 20),
        {"dataloader_params": {"num_workers": -3}},
        ConfigError,
        "dataloader_params, num_workers: expected a whole number from 0 to 1024, got -3. Use 0",
    ),
    "workers that are no number": (
        cells(20, 20),
        {"dataloader_params": {"num_workers": "x"}},
        ConfigError,
        "dataloader_params, num_workers: expected a whole number from 0 to 1024, got 'x'",
    ),
    "more workers than there are numbers": (
        cells(20, 20),
        {"dataloader_params": {"num_workers": 2**70}},
        ConfigError,
        "dataloader_params, num_workers: expected a whole number from 0 to 1024, got 1180591620717411303424",
    ),
    "a batch of True": (
        cells(20, 20),
        {"batch_size": True},
        ConfigError,
        "batch_size: expected a whole number of at least 1, got True",
    ),
    "tiles of fractions": (
        cells(20, 20),
        {"tile_size": np.array([16.0, 16.0])},
        ConfigError,
        r"tile_size: expected 2 whole numbers of pixels, YX, for a 2D network, got array\(\[16., 16.\]\)",
    ),
    "tiles of one number": (
        cells(20, 20),
        {"tile_size": np.array(16)},
        ConfigError,
        r"tile_size: expected 2 whole numbers of pixels, YX, for a 2D network, got array\(16\)",
    ),
    "a data module of images of other channels": (
        data_module(cells(2, 20, 20), axes="CYX"),
        {},
        ShapeError,
        "array, axis C: expected 1 channels, as the network was trained on, got 2",
    ),
    "a parameter that no loader has": (
        cells(20, 20),
        {"dataloader_params": {"workers": 2}},
        ConfigError,
        "expected parameters of torch.utils.data.DataLoader, got 'workers'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("to_disk", [False, True])
def test_what_cannot_be_predicted_is_refused_before_anything_is_written(
    tmp_path: Path, name: str, to_disk: bool
) -> None:
    source, options, kind, message = REFUSED[name]
    model = careamist(tmp_path / "run")
    with pytest.raises(kind, match=message):
        (model.predict_to_disk if to_disk else model.predict)(source, **options)
    assert not (tmp_path / "run").exists()


def test_a_network_that_was_not_trained_writes_nothing(tmp_path: Path) -> None:
    config = create_n2v_configuration(
        experiment_name="test", data_type="array", axes="YX", patch_size=[24, 24], batch_size=4, num_epochs=1
    )
    model = CAREamist(config, tmp_path / "run", device="cpu")
    with pytest.raises(ConfigError, match="predict: expected a network that was trained, got one that was not"):
        model.predict_to_disk(cells(20, 20))
    assert not (tmp_path / "run").exists()


def test_tiles_may_be_arrays_of_any_integers(tmp_path: Path) -> None:
    model, image = careamist(tmp_path), cells(200, 250)
    (expected,) = model.predict(image, batch_size=200, **TILES)
    for kind in (np.uint8, np.int64):
        tiles = {"tile_size": np.array([16, 16], kind), "tile_overlap": (kind(4), kind(4))}
        np.testing.assert_array_equal(model.predict(image, **tiles, batch_size=kind(200))[0], expected)


def test_a_function_that_would_not_be_called_is_refused(tmp_path: Path) -> None:
    model = careamist(tmp_path / "run")
    with pytest.raises(ConfigError, match="write_func: expected none with write_type='tiff', got one"):
        model.predict_to_disk(cells(20, 20), write_func=np.save)
    assert not (tmp_path / "run").exists()


def test_callbacks_are_a_list_of_any_kind(tmp_path: Path) -> None:
    config, callback = careamist(tmp_path).config, Callback()
    given: Any = callback
    with pytest.raises(ConfigError, match=r"callbacks: expected a list of callbacks, got Callback. Put it into a list"):
        CAREamist(config, tmp_path, callbacks=given, device="cpu")
    for several in ([callback], iter([callback])):
        assert callback in CAREamist(config, tmp_path, callbacks=several, device="cpu")._trainer._callbacks


def test_a_network_with_random_weights_predicts_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    image = cells(48, 48)
    trained = careamist(tmp_path)
    trained.predict(image)
    assert "random weights" in caplog.text
    caplog.clear()
    trained.train(train_source=image)
    trained.predict(image)
    CAREamist(tmp_path / "checkpoints" / "last.safetensors", device="cpu").predict(image)
    assert "random weights" not in caplog.text
    CAREamist(tmp_path / "config.yml", device="cpu").predict(image)
    assert "random weights" in caplog.text


@pytest.mark.parametrize(("axes", "shape"), [("YX", (30, 41)), ("ZYX", (9, 30, 25)), ("TYX", (2, 28, 30))])
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("blend", [None, "linear"])
def test_borders_are_reflected_if_asked_for(tmp_path: Path, axes: str, shape: Any, tiled: bool, blend: Any) -> None:
    restorer = careamist(tmp_path, axes=axes)
    image = cells(*shape)
    size, overlap = ((8, 16, 16)[-3 + ("Z" not in axes) :], (4, 8, 8)[-3 + ("Z" not in axes) :])
    tiles: dict[str, Any] = {"tile_size": size, "tile_overlap": overlap} if tiled else {}
    (reflected,) = restorer.predict(image, reflect_borders=True, blend=blend, **tiles)
    (as_usual,) = restorer.predict(image, blend=blend, **tiles)
    padded = np.pad(image, [(0, 0) if axis == "T" else (16, 16) for axis in axes], mode="reflect")
    (expected,) = restorer.predict(padded)
    expected = expected[tuple(slice(None) if axis == "T" else slice(16, -16) for axis in axes)]
    border = (..., 0, slice(None))
    assert abs(reflected[border] - expected[border]).mean() < 0.4 * abs(as_usual[border] - expected[border]).mean()
    paths = restorer.predict_to_disk(image, reflect_borders=True, blend=blend, **tiles)
    np.testing.assert_allclose(tifffile.imread(paths[0]).squeeze(), reflected, rtol=1e-5, atol=1e-4)
