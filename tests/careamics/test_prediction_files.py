"""Predictions written to files: those of CAREamics, with one image in memory at a time."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

pytest.importorskip("careamics")

from careamics.lightning.callbacks.prediction import (
    ImageWriteStrategy,
    PredictionWriterCallback,
    TileWriteStrategy,
    prediction_writer_callback,
)
from careamics.utils.reshape_array import reshape_array

from patchmill.careamics.prediction.writer import _writers
from tests.careamics.predicted import (
    HAS_TARGET_AXES,
    brighter,
    data_module,
    files_below,
    images,
    predicted,
    replaced,
    source_base,
)

# What CAREamics writes with three samples or channels is RGB for tifffile.
pytestmark = pytest.mark.filterwarnings("ignore:.*stored as RGB:DeprecationWarning")


def write(folder: Path, module: Any, *, batches: Any = None, strategy: Any = None, **options: Any) -> Any:
    """Let the callback write what is predicted, and return it."""
    callback = PredictionWriterCallback(folder)
    folder.mkdir()
    if strategy is None:
        tiled = module.config.patching.name == "tiled"
        callback.set_writing_strategy(options.pop("write_type", "tiff"), tiled=tiled, **options)
    else:
        callback.write_strategy = strategy
    source_base(callback.write_strategy, module)
    for number, batch in enumerate(predicted(module) if batches is None else batches):
        callback.write_on_batch_end(None, None, batch, None, None, number, 0)
    callback.on_predict_end(None, None)
    return callback


def assert_same_files(ours: Path, theirs: Path, n_files: int) -> None:
    assert files_below(ours) == files_below(theirs)
    assert len(files_below(ours)) == n_files
    for path in files_below(theirs):
        np.testing.assert_array_equal(tifffile.imread(ours / path), tifffile.imread(theirs / path))


def tiffs(folder: Path, names: list[str], *shapes: Any) -> list[Path]:
    """TIFF files with an image each."""
    for name, image in zip(names, images(*shapes), strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / name, image, photometric="minisblack")
    return [folder / name for name in names]


@pytest.mark.parametrize(
    ("axes", "shapes", "tile"),
    [
        ("YX", [(40, 52), (20, 30), (33, 47)], (16, 16)),
        ("TYX", [(2, 40, 30), (3, 30, 40)], (16, 16)),
        ("YXSC", [(40, 30, 2, 3)], (16, 16)),
        ("ZYX", [(12, 24, 40), (12, 30, 20)], (8, 16, 16)),
        ("YX", [(40, 52), (40, 52)], None),
        ("SYX", [(3, 24, 32), (3, 24, 32)], None),
        ("SCZYX", [(2, 3, 8, 16, 16)], None),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 4])
def test_files_are_those_of_careamics(tmp_path: Path, axes: str, shapes: list[Any], tile: Any, batch_size: int) -> None:
    overlap = (4,) * len(tile or ())
    for kind in ["array", "tiff"]:
        names = [f"{name}.tiff" for name in "bca"[: len(shapes)]]
        data = images(*shapes) if kind == "array" else tiffs(tmp_path / "input", names, *shapes)
        module = data_module(data, axes, tile, overlap, batch_size=batch_size, data_type=kind)
        write(tmp_path / f"{kind}-theirs", module)
        with replaced():
            write(tmp_path / f"{kind}-ours", module)
        assert_same_files(tmp_path / f"{kind}-ours", tmp_path / f"{kind}-theirs", len(shapes))


@pytest.mark.skipif(not HAS_TARGET_AXES, reason="CAREamics before 0.3.3 writes all files into one folder")
@pytest.mark.parametrize("tile", [(16, 16), None])
def test_folders_of_sources_are_kept(tmp_path: Path, tile: Any) -> None:
    paths = tiffs(tmp_path / "input", ["day1/a.tif", "day2/deep/a.tif"], (40, 52), (40, 52))
    module = data_module(paths, "YX", tile, (4, 4), data_type="tiff")
    write(tmp_path / "theirs", module)
    with replaced():
        write(tmp_path / "ours", module)
    assert_same_files(tmp_path / "ours", tmp_path / "theirs", 2)
    assert files_below(tmp_path / "ours") == [Path("day1/a.tiff"), Path("day2/deep/a.tiff")]


@pytest.mark.parametrize(("axes", "shape"), [("TYX", (5, 24, 32)), ("YXS", (24, 32, 5)), ("TSYX", (2, 3, 24, 32))])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_samples_of_any_axes_are_written_whole(tmp_path: Path, axes: str, shape: Any, batch_size: int) -> None:
    paths = tiffs(tmp_path, ["movie.tiff"], shape)
    module = data_module(paths, axes, data_type="tiff", batch_size=batch_size)
    with replaced():
        write(tmp_path / "out", module)
    written = tifffile.imread(tmp_path / "out" / "movie.tiff")
    expected = brighter(*images(shape))
    if not HAS_TARGET_AXES:
        expected = reshape_array(expected, axes).reshape(written.shape)  # these versions write S C Y X
    np.testing.assert_allclose(written, expected, rtol=1e-5)


@pytest.mark.parametrize("tile", [(16, 16), None])
def test_a_function_of_ones_own_gets_what_careamics_gives_it(tmp_path: Path, tile: Any) -> None:
    calls: list[Any] = []

    def save(file_path: Path, img: np.ndarray, *, scale: int) -> None:
        assert file_path.parent.is_dir()
        calls.append((file_path.name, img.copy(), scale))

    module = data_module(images((40, 52), (40, 52)), "YX", tile, (4, 4))
    options = {"write_type": "custom", "write_func": save, "write_extension": ".own", "write_func_kwargs": {"scale": 3}}
    write(tmp_path / "theirs", module, **options)
    theirs, calls = calls, []
    with replaced():
        write(tmp_path / "ours", module, **options)
    assert [call[::2] for call in calls] == [call[::2] for call in theirs] == [("array_0.own", 3), ("array_1.own", 3)]
    for (_, ours, _), (_, expected, _) in zip(calls, theirs, strict=True):
        np.testing.assert_array_equal(ours, expected)


class Regions:
    """A strategy of somebody's own."""

    def __init__(self) -> None:
        self.batches: list[Any] = []

    def set_source_base(self, source_base: Path | None) -> None:
        pass

    def write_batch(self, dirpath: Path, predictions: list[Any]) -> None:
        self.batches.append(predictions)


class CountingTiles(TileWriteStrategy):
    """A subclass of CAREamics' own."""

    n_tiles = 0

    def write_batch(self, dirpath: Path, predictions: list[Any]) -> None:
        self.n_tiles += len(predictions)
        super().write_batch(dirpath, predictions)


def test_strategies_of_others_get_decollated_regions(tmp_path: Path) -> None:
    module = data_module(images((40, 52)), "YX", (16, 16), (4, 4), batch_size=5)
    batches = predicted(module)
    with replaced():
        regions = write(tmp_path / "regions", module, strategy=Regions()).write_strategy
        assert [len(batch) for batch in regions.batches] == [len(batch.data) for batch in batches]
        assert {type(region) for batch in regions.batches for region in batch} == {type(batches[0])}
        strategy = CountingTiles(tifffile_write, ".tiff", {})
        write(tmp_path / "ours", module, strategy=strategy)
    assert strategy.n_tiles == sum(len(batch.data) for batch in batches)
    write(tmp_path / "theirs", module)
    assert_same_files(tmp_path / "ours", tmp_path / "theirs", 1)


def tifffile_write(file_path: Path, img: np.ndarray) -> None:
    tifffile.imwrite(file_path, img)


def test_a_strategy_whose_method_was_replaced_keeps_it(tmp_path: Path) -> None:
    module = data_module(images((40, 52)), "YX", (16, 16), (4, 4))
    strategy = TileWriteStrategy(tifffile_write, ".tiff", {})
    seen: list[Any] = []
    strategy.write_batch = lambda dirpath, predictions: seen.extend(predictions)
    with replaced():
        write(tmp_path / "out", module, strategy=strategy)
    assert len(seen) == sum(len(batch.data) for batch in predicted(module))


def test_a_writer_that_is_off_or_has_no_strategy_does_as_before(tmp_path: Path) -> None:
    (batch, *_) = predicted(data_module(images((40, 52)), "YX", (16, 16), (4, 4)))
    callback = PredictionWriterCallback(tmp_path)
    with replaced():
        with pytest.raises(RuntimeError, match="No write strategy"):
            callback.write_on_batch_end(None, None, batch, None, None, 0, 0)
        callback.enable_writing(False)
        callback.write_on_batch_end(None, None, batch, None, None, 0, 0)
    assert not files_below(tmp_path)


@pytest.mark.parametrize("tile", [(16, 16), None])
def test_more_regions_than_an_image_has_are_an_error(tmp_path: Path, tile: Any) -> None:
    module = data_module(images((3, 40, 52)), "SYX", tile, (4, 4), batch_size=1)
    batches = predicted(module)
    with replaced(), pytest.raises(ValueError, match=r"image 0: expected \d+ regions, got"):
        write(tmp_path / "out", module, batches=[*batches[:-1], doubled(batches[-1])])


def doubled(batch: Any) -> Any:
    """A batch of one region, twice."""
    from torch.utils.data import default_collate

    from patchmill.careamics.prediction import decollate_image_region_data

    (region,) = decollate_image_region_data(batch)
    twice = default_collate([region, region])
    return twice._replace(data=twice.data.numpy())


def test_an_image_waits_for_its_last_tile(tmp_path: Path) -> None:
    module = data_module(images((40, 52)), "YX", (16, 16), (4, 4), batch_size=1)
    *first, last = predicted(module)
    with replaced():
        callback = write(tmp_path / "out", module, batches=first)
        assert not files_below(tmp_path)
        (canvas,) = _writers[callback.write_strategy].canvases.values()
        assert (canvas.count, canvas.total) == (len(first), len(first) + 1)
        callback.write_on_batch_end(None, None, last, None, None, 0, 0)
        assert not _writers[callback.write_strategy].canvases
    assert files_below(tmp_path / "out") == [Path("array_0.tiff")]


@pytest.mark.parametrize("tile", [(64, 64), None])
def test_writing_takes_the_memory_of_the_image_in_progress(tmp_path: Path, tile: Any) -> None:
    module = data_module(images(*[(4, 256, 256)] * 2), "SYX", tile, (16, 16), batch_size=1)
    batches = predicted(module)
    n_bytes = 4 * 256 * 256 * 4
    strategy = (TileWriteStrategy if tile else ImageWriteStrategy)(lambda file_path, img: None, ".none", {})
    write(tmp_path / "theirs", module, batches=batches, strategy=strategy)
    with replaced():
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            write(tmp_path / "ours", module, batches=batches, strategy=strategy)
            peak = tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
    assert n_bytes <= peak < 1.3 * n_bytes


@pytest.mark.filterwarnings("ignore")
def test_a_trainer_of_lightning_writes_through_the_callback(tmp_path: Path) -> None:
    class Network(prediction_writer_callback.LightningModule):
        def predict_step(self, batch: Any, batch_idx: int) -> Any:
            return batch[0]._replace(data=brighter(batch[0].data.numpy()))

    callback = PredictionWriterCallback(tmp_path / "out")
    callback.set_writing_strategy("tiff", tiled=True)
    trainer = prediction_writer_callback.Trainer(
        accelerator="cpu",
        logger=False,
        callbacks=[callback],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    paths = tiffs(tmp_path, ["movie.tiff"], (3, 40, 52))
    module = data_module(paths, "TYX", (16, 16), (4, 4), data_type="tiff")
    with replaced():
        trainer.predict(Network(), datamodule=module, return_predictions=False)
    written = tifffile.imread(tmp_path / "out" / "movie.tiff")
    np.testing.assert_allclose(written.squeeze(), brighter(*images((3, 40, 52))), rtol=1e-5)
