"""Batches of tiles run over samples and images, one ahead of the network; files are read one ahead of that."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from patchmill.errors import DataError, ReadError, ShapeError
from patchmill.prediction import ImageReader, Predictor, predict_image
from patchmill.prediction import reader as reader_module
from patchmill.prediction.batches import ahead
from patchmill.sources import Image, Normalization
from tests.prediction.test_predict import Identity, network

RNG = np.random.default_rng(2)
TILES = {"tile_size": (8, 8), "tile_overlap": (2, 2)}
PLAIN = Normalization.by_mean_and_std([3.0], [2.0])


def predictor(model: Any, **options: Any) -> Predictor:
    return Predictor(model=model, normalization=PLAIN, target_normalization=PLAIN, **{**TILES, **options})


def images(*shapes: tuple[int, ...]) -> list[Image]:
    axes = {2: "YX", 3: "SYX"}
    return [
        Image.of(f"image {number}", RNG.normal(3, 2, shape).astype("f4"), axes[len(shape)])
        for number, shape in enumerate(shapes)
    ]


SHAPES = [(8, 8), (3, 5, 9), (20, 20), (1, 1), (2, 8, 30)]


@pytest.mark.parametrize("batch_size", [1, 3, 4, 100])
@pytest.mark.parametrize("num_threads", [1, 3])
def test_batches_are_full_whatever_the_shapes_of_the_images(batch_size: int, num_threads: int) -> None:
    model, given = Identity(2), images(*SHAPES)
    got = predictor(model, batch_size=batch_size, num_threads=num_threads).predict(ImageReader(given, known=given))
    for image, predicted in zip(given, got, strict=True):
        assert predicted.shape == image.shape
        np.testing.assert_allclose(predicted, image.pixels.reshape(image.shape), atol=1e-5)
    n_tiles = [n for n, *_ in model.batches]
    assert set(n_tiles[:-1]) <= {batch_size}
    assert n_tiles[-1] <= batch_size
    assert sum(n_tiles) == 1 + 3 * 2 + 9 + 1 + 2 * 5


def test_whole_samples_share_batches_where_they_have_one_size() -> None:
    model, given = Identity(2), images((8, 8), (2, 8, 8), (8, 10), (8, 9), (8, 8))
    predictor(model, tile_size=None, batch_size=4).predict(ImageReader(given, known=given))
    # An odd size is padded by one.
    assert model.batches == [(3, 1, 8, 8), (2, 1, 8, 10), (1, 1, 8, 8)]


@pytest.mark.parametrize("blend", [None, "linear", "gaussian"])
def test_an_image_is_predicted_the_same_alone_and_among_others(blend: Any) -> None:
    model, given = network(), images(*SHAPES)
    together = predictor(model, batch_size=5, blend=blend).predict(ImageReader(given, known=given))
    for image, predicted in zip(given, together, strict=True):
        alone = predict_image(
            model, image, normalization=PLAIN, target_normalization=PLAIN, batch_size=5, blend=blend, **TILES
        )
        np.testing.assert_allclose(predicted, alone, atol=1e-5)


@pytest.mark.parametrize("blend", [None, "gaussian"])
def test_the_number_of_threads_changes_no_bit(blend: Any) -> None:
    given = images((41, 57), (3, 20, 30))
    results = [
        predictor(network(), batch_size=7, blend=blend, num_threads=num_threads).predict(
            ImageReader(given, known=given)
        )
        for num_threads in (1, 2, 5)
    ]
    for image in zip(*results, strict=True):
        assert len({predicted.tobytes() for predicted in image}) == 1


class Pointwise(Identity):
    """A network whose pixels see themselves alone."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(super().forward(x))


@pytest.mark.parametrize("blend", ["linear", "gaussian"])
@pytest.mark.parametrize(("conv_dims", "shape"), [(2, (50, 43)), (3, (9, 24, 21)), (3, (3, 5, 30))])
def test_blended_tiles_of_a_network_that_sees_one_pixel_are_the_whole_image(
    blend: Any, conv_dims: int, shape: tuple[int, ...]
) -> None:
    image = Image.of("cells", RNG.normal(3, 2, shape).astype("f4"), "ZYX"[-conv_dims:])
    options: dict[str, Any] = {"normalization": PLAIN, "target_normalization": PLAIN}
    whole = predict_image(Pointwise(conv_dims), image, **options)
    tiles = {"tile_size": (8, 20, 20)[-conv_dims:], "tile_overlap": (4, 12, 18)[-conv_dims:]}
    blended = predict_image(Pointwise(conv_dims), image, blend=blend, **tiles, **options)
    np.testing.assert_allclose(blended, whole, rtol=3e-6)


def test_one_item_and_no_more_is_made_ahead() -> None:
    made: list[int] = []
    threads: set[int] = set()

    def items() -> Iterator[int]:
        for number in range(5):
            threads.add(threading.get_ident())
            made.append(number)
            yield number

    used = []
    for item in ahead(items()):
        used.append(item)
        assert len(made) <= len(used) + 1
    assert used == made == list(range(5))
    assert threading.get_ident() not in threads


def test_what_fails_ahead_is_raised_in_its_turn() -> None:
    def items() -> Iterator[int]:
        yield 1
        msg = "no second"
        raise ReadError(msg)

    running = ahead(items())
    assert next(running) == 1
    with pytest.raises(ReadError, match="no second"):
        next(running)


class Reading:
    """A function that reads files, and knows which images are still held."""

    def __init__(self) -> None:
        self.alive: list[weakref.ref[np.ndarray]] = []
        self.most = 0

    def __call__(self, path: Path, *_: Any) -> np.ndarray:
        gc.collect()
        array = np.load(path)
        self.most = max(self.most, 1 + sum(one() is not None for one in self.alive))
        self.alive.append(weakref.ref(array))
        return array


@pytest.mark.parametrize(("ahead_bytes", "most"), [(2**28, 2), (0, 1)])
def test_large_files_are_held_one_at_a_time_and_others_read_one_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_bytes: int, most: int
) -> None:
    monkeypatch.setattr(reader_module, "_AHEAD_BYTES", ahead_bytes)
    arrays = [RNG.normal(3, 2, (12, 12)).astype("f4") for _ in range(6)]
    for number, array in enumerate(arrays):
        np.save(tmp_path / f"{number}.npy", array)
    read = Reading()
    reader = ImageReader.of(tmp_path, "custom", "YX", read_source_func=read, extension_filter="*.npy")
    assert read.alive == []
    got = predictor(Identity(2), batch_size=1).predict(reader)
    np.testing.assert_allclose(got, arrays, atol=1e-5)
    assert len(read.alive) == 6
    assert read.most <= most


def test_headers_are_checked_before_anything_is_predicted(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8), "u1"))
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((3, 8, 8), "u1"), photometric="minisblack")
    model = Identity(2)
    with pytest.raises(ShapeError, match=r"b\.tif, axis Z: expected one plane, because the network is 2D, got 3"):
        predictor(model).predict(ImageReader.of(tmp_path / "b.tif", "tiff", "ZYX"))
    with pytest.raises(ShapeError, match=r"b\.tif, axis C: expected 1 channels, as the network was trained on, got 3"):
        predictor(model).predict(ImageReader.of(tmp_path / "b.tif", "tiff", "CYX"))
    assert model.batches == []


def test_a_pixel_that_is_no_number_is_found_in_every_file(tmp_path: Path) -> None:
    array = np.ones((8, 8), "f4")
    tifffile.imwrite(tmp_path / "a.tif", array)
    array[2, 3] = np.nan
    tifffile.imwrite(tmp_path / "b.tif", array)
    with pytest.raises(DataError, match=r"b\.tif, .*\(z=0, y=2, x=3\): expected a finite number, got NaN"):
        predictor(Identity(2)).predict(ImageReader.of(tmp_path, "tiff", "YX"))
