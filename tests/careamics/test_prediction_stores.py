"""Tiles written into Zarr arrays: those of CAREamics, each in its own store, each block encoded once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

pytest.importorskip("careamics")

import zarr
from careamics.lightning.callbacks.prediction import PredictionWriterCallback, ZarrTileWriteStrategy
from careamics.lightning.prediction import decollate_image_region_data

from patchmill.careamics.prediction.blocks import BlockWriter
from tests.careamics.predicted import HAS_TARGET_AXES, brighter, data_module, files_below, images, predicted, replaced


def write(folder: Path, module: Any, *, batches: Any = None, strategy: Any = None, trainer: Any = None) -> None:
    """Let the callback write what is predicted."""
    folder.mkdir()
    callback = PredictionWriterCallback(folder, write_strategy=strategy or ZarrTileWriteStrategy())
    for number, batch in enumerate(predicted(module) if batches is None else batches):
        callback.write_on_batch_end(trainer, None, batch, None, None, number, 0)
    callback.on_predict_end(trainer, None)


def stores(folder: Path, arrays: dict[str, np.ndarray], **options: Any) -> list[str]:
    """Stores, each with an array, by ``store/array``; their URIs."""
    uris = []
    for path, array in arrays.items():
        store, _, name = path.partition("/")
        *groups, name = name.split("/")
        group = zarr.open_group(folder / f"{store}.zarr", mode="a")
        for inner in groups:
            group = group.require_group(inner)
        made = group.create_array(name=name, data=array, **options)
        uris.append(str(made.store_path))
    return uris


def assert_same_stores(ours: Path, theirs: Path) -> None:
    """The same files with the same content: metadata and encoded chunks."""
    assert files_below(ours) == files_below(theirs)
    assert files_below(ours)
    for path in files_below(ours):
        assert (ours / path).read_bytes() == (theirs / path).read_bytes(), path


CASES = [
    ("YX", (40, 52), None, None, (16, 16)),
    ("YX", (300, 270), (50, 64), None, (64, 64)),
    ("YX", (64, 96), (8, 8), (16, 32), (32, 32)),
    ("SCYX", (2, 3, 40, 52), (1, 3, 16, 16), (2, 3, 32, 32), (16, 16)),
    ("TZYX", (2, 12, 40, 24), None, None, (8, 16, 16)),
    ("STCZYX", (2, 2, 3, 10, 24, 20), (1, 1, 1, 4, 8, 8), None, (8, 16, 16)),
]


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize(("axes", "shape", "chunks", "shards", "tile"), CASES)
def test_stores_are_those_of_careamics(tmp_path, axes, shape, chunks, shards, tile, batch_size) -> None:
    (image,) = images(shape)
    options = {"chunks": chunks, "shards": shards} if chunks else {}
    uris = stores(tmp_path / "input", {"a/group/image": image}, **options)
    module = data_module(uris, axes, tile, (4,) * len(tile), data_type="zarr", batch_size=batch_size)
    write(tmp_path / "theirs", module)
    with replaced():
        write(tmp_path / "ours", module)
    assert_same_stores(tmp_path / "ours", tmp_path / "theirs")
    written = zarr.open_array(tmp_path / "ours" / "a_output.zarr" / "group" / "image", mode="r")
    np.testing.assert_allclose(written[:], brighter(image), rtol=1e-5)


def test_several_arrays_in_memory_share_a_store(tmp_path: Path) -> None:
    data = images((40, 52), (60, 33))
    module = data_module(data, "YX", (16, 16), (4, 4), batch_size=5)
    write(tmp_path / "theirs", module)
    with replaced():
        write(tmp_path / "ours", module)
    assert_same_stores(tmp_path / "ours", tmp_path / "theirs")
    group = zarr.open_group(tmp_path / "ours" / "prediction.zarr", mode="r")
    for number, image in enumerate(data):
        np.testing.assert_allclose(group[str(number)][:], brighter(image), rtol=1e-5)


@pytest.mark.parametrize("n_processes", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_arrays_of_the_same_name_in_two_stores_keep_their_own_values(tmp_path, batch_size, n_processes) -> None:
    first, second = images((40, 52), (40, 52))
    uris = stores(tmp_path / "input", {"a/image": first, "b/image": second}, chunks=(16, 16))
    module = data_module(uris, "YX", (16, 16), (4, 4), data_type="zarr", batch_size=batch_size)

    class Trainer:
        world_size = n_processes

    with replaced():
        write(tmp_path / "out", module, trainer=Trainer())
    for store, image in [("a", first), ("b", second)]:
        written = zarr.open_array(tmp_path / "out" / f"{store}_output.zarr" / "image", mode="r")
        np.testing.assert_allclose(written[:], brighter(image), rtol=1e-5)


def test_regions_given_one_by_one_keep_their_stores_apart(tmp_path: Path) -> None:
    first, second = images((40, 52), (40, 52))
    uris = stores(tmp_path / "input", {"a/image": first, "b/image": second}, chunks=(16, 16))
    batches = predicted(data_module(uris, "YX", (16, 16), (4, 4), data_type="zarr"))
    strategy = ZarrTileWriteStrategy()
    with replaced():
        for batch in batches:
            strategy.write_batch(tmp_path, decollate_image_region_data(batch))
    for store, image in [("a", first), ("b", second)]:
        written = zarr.open_array(tmp_path / f"{store}_output.zarr" / "image", mode="r")
        np.testing.assert_allclose(written[:], brighter(image), rtol=1e-5)


def test_a_tiff_file_gets_its_store_beside_it(tmp_path: Path) -> None:
    (image,) = images((40, 52))
    for name in ["theirs", "ours"]:
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a.tiff", image)
        module = data_module([tmp_path / name / "a.tiff"], "YX", (16, 16), (4, 4), data_type="tiff")
        if name == "ours":
            with replaced():
                write(tmp_path / f"{name}-out", module)
        else:
            write(tmp_path / f"{name}-out", module)
    assert_same_stores(tmp_path / "ours", tmp_path / "theirs")


@pytest.mark.parametrize("how", ["end", "exception"])
def test_a_prediction_that_stops_leaves_what_it_has_predicted(tmp_path: Path, how: str) -> None:
    module = data_module(images((40, 52)), "YX", (16, 16), (4, 4), batch_size=1)
    batches = predicted(module)[:7]
    write(tmp_path / "theirs", module, batches=batches)
    with replaced():
        callback = PredictionWriterCallback(tmp_path / "ours", write_strategy=ZarrTileWriteStrategy())
        for number, batch in enumerate(batches):
            callback.write_on_batch_end(None, None, batch, None, None, number, 0)
        if how == "end":
            callback.on_predict_end(None, None)
        else:
            callback.on_exception(None, None, KeyboardInterrupt())
    assert_same_stores(tmp_path / "ours", tmp_path / "theirs")
    assert zarr.open_array(tmp_path / "ours" / "prediction.zarr" / "0", mode="r")[:].any()


@pytest.mark.skipif(not HAS_TARGET_AXES, reason="CAREamics before 0.3.3 writes tile by tile")
def test_each_chunk_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    original = zarr.Array.__setitem__
    monkeypatch.setattr(
        zarr.Array, "__setitem__", lambda self, place, value: written.append(place) or original(self, place, value)
    )
    uris = stores(tmp_path / "input", dict(zip(["a/image"], images((100, 90)), strict=True)), chunks=(16, 16))
    written.clear()
    with replaced():
        write(tmp_path / "out", data_module(uris, "YX", (32, 32), (8, 8), data_type="zarr"))
    assert sorted((rows.start, rows.stop) for rows, _ in written) == [(y, min(y + 16, 100)) for y in range(0, 100, 16)]
    assert {(columns.start, columns.stop) for _, columns in written} == {(0, 90)}


class FakeArray(np.ndarray):
    """An array with chunks."""

    chunks = (4, 4)
    shards = None


@pytest.mark.parametrize("n_pixels", [1, 40, 1000])
def test_blocks_that_wait_are_merged_when_they_are_too_many(n_pixels: int) -> None:
    rng = np.random.default_rng(0)
    array = np.full((30, 26), -1, np.float32).view(FakeArray)
    blocks = BlockWriter(array, n_pixels=n_pixels, limit=1000)
    expected = np.array(array)
    for _ in range(60):
        y, x = rng.integers(0, (24, 20))
        height, width = rng.integers(1, 7, size=2)
        pixels = rng.normal(size=(height, width)).astype(np.float32)
        blocks.put((y, x), pixels)
        expected[y : y + height, x : x + width] = pixels
        waiting = sum(values.nbytes for values, _ in blocks._waiting.values())
        assert waiting == blocks._held <= 1000
    blocks.flush()
    np.testing.assert_array_equal(np.asarray(array), expected)
    assert (expected == -1).any()
