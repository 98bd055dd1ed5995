"""Predictions put together in memory: the images of CAREamics, without its copies."""

from __future__ import annotations

import random
import sys
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("careamics")

from careamics.lightning.prediction import convert_prediction as theirs
from careamics.lightning.prediction import decollate_image_region_data as their_decollate

from patchmill.careamics.prediction import convert_prediction, decollate_image_region_data
from patchmill.careamics.prediction.convert import consume_prediction
from tests.careamics.predicted import (
    HAS_TARGET_AXES,
    Network,
    brighter,
    data_module,
    first_channel,
    images,
    predicted,
    replaced,
    three_channels,
)

TILED = [
    ("YX", [(40, 52)], (16, 16), (4, 4)),
    ("YX", [(40, 52), (33, 17), (64, 64)], (16, 16), (8, 8)),
    ("YX", [(20, 30), (40, 28)], (32, 32), (8, 8)),
    ("XY", [(40, 52)], (16, 16), (4, 4)),
    ("SYX", [(3, 30, 40), (2, 40, 30)], (16, 16), (4, 4)),
    ("YXT", [(30, 40, 3)], (16, 16), (4, 4)),
    ("TSYX", [(2, 3, 24, 40)], (16, 16), (4, 4)),
    ("CYX", [(3, 30, 40)], (16, 16), (4, 4)),
    ("TYXC", [(2, 30, 40, 3), (1, 25, 40, 3)], (16, 16), (4, 4)),
    ("ZYX", [(12, 40, 24)], (8, 16, 16), (2, 4, 4)),
    ("SCZYX", [(2, 3, 12, 24, 20), (1, 3, 8, 20, 24)], (8, 16, 16), (4, 4, 4)),
    ("CTZYX", [(3, 2, 5, 24, 20)], (8, 16, 16), (4, 4, 4)),
]
WHOLE = [
    ("YX", [(24, 32)] * 5),
    ("YX", [(24, 32), (40, 20)]),
    ("SYX", [(5, 24, 32)] * 2),
    ("SYX", [(5, 24, 32), (3, 32, 24)]),
    ("YXT", [(24, 32, 4)]),
    ("TSYX", [(2, 3, 24, 32)]),
    ("SCZYX", [(2, 3, 8, 16, 24)]),
]


def assert_same(ours: tuple[list[Any], list[str]], expected: tuple[list[Any], list[str]]) -> None:
    assert ours[1] == expected[1]
    assert len(ours[0]) == len(expected[0])
    for image, their in zip(ours[0], expected[0], strict=True):
        assert (image.shape, image.dtype) == (their.shape, their.dtype)
        np.testing.assert_array_equal(image, their)


@pytest.mark.parametrize("restore", [False, True])
@pytest.mark.parametrize("batch_size", [1, 5, 100])
@pytest.mark.parametrize(("axes", "shapes", "tile", "overlap"), TILED)
def test_tiles_are_stitched_as_careamics_stitches_them(axes, shapes, tile, overlap, batch_size, restore) -> None:
    data = images(*shapes)
    batches = predicted(data_module(data, axes, tile, overlap, batch_size=batch_size))
    ours = convert_prediction(batches, tiled=True, restore_shape=restore)
    assert_same(ours, theirs(batches, tiled=True, restore_shape=restore))
    if restore:
        for image, source in zip(ours[0], data, strict=True):
            np.testing.assert_allclose(image, brighter(source), rtol=1e-5)


@pytest.mark.parametrize("restore", [False, True])
@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("convert", [convert_prediction, consume_prediction])
@pytest.mark.parametrize(("axes", "shapes"), WHOLE)
def test_whole_samples_are_put_together_as_careamics_does(axes, shapes, convert, batch_size, restore) -> None:
    same = len(set(shapes)) == 1
    batches = predicted(data_module(images(*shapes), axes, batch_size=batch_size if same else 1))
    expected = theirs(batches, tiled=False, restore_shape=restore)
    assert_same(convert(batches, tiled=False, restore_shape=restore), expected)


@pytest.mark.skipif(not HAS_TARGET_AXES, reason="CAREamics before 0.3.3 knows the channels of the data only")
@pytest.mark.parametrize(
    ("axes", "shape", "target_axes", "network"),
    [("YX", (40, 52), "CYX", three_channels), ("SYXC", (2, 24, 40, 3), "YXS", first_channel)],
)
@pytest.mark.parametrize("tile", [(16, 16), None])
def test_an_image_has_the_channels_that_the_network_makes(axes, shape, target_axes, network: Network, tile) -> None:
    batches = predicted(data_module(images(shape), axes, tile, (4, 4), target_axes=target_axes), network)
    ours = convert_prediction(batches, tiled=bool(tile), restore_shape=True)
    assert_same(ours, theirs(batches, tiled=bool(tile), restore_shape=True))


def test_the_order_of_batches_does_not_matter() -> None:
    batches = predicted(data_module(images((3, 40, 52), (2, 30, 30)), "SYX", (16, 16), (4, 4)))
    expected = theirs(batches, tiled=True)
    random.Random(0).shuffle(batches)
    assert_same(convert_prediction(batches, tiled=True), expected)
    samples = predicted(data_module(images((7, 24, 32)), "SYX"))
    expected = theirs(samples, tiled=False)
    assert_same(convert_prediction(samples[::-1], tiled=False), expected)


def test_tiles_that_did_not_come_are_zero() -> None:
    batches = predicted(data_module(images((40, 52)), "YX", (16, 16), (4, 4)))[:-1]
    assert_same(convert_prediction(batches, tiled=True), theirs(batches, tiled=True))


def test_data_may_be_tensors_of_any_float_type() -> None:
    batches = predicted(data_module(images((40, 52)), "YX", (16, 16), (4, 4)))
    expected = theirs(batches, tiled=True)
    tensors = [batch._replace(data=torch.from_numpy(batch.data).requires_grad_()) for batch in batches]
    assert_same(convert_prediction(tensors, tiled=True), expected)
    rough = [batch._replace(data=torch.from_numpy(batch.data).bfloat16()) for batch in batches]
    np.testing.assert_allclose(convert_prediction(rough, tiled=True)[0][0], expected[0][0], rtol=1e-2)


def test_the_type_of_whole_samples_is_kept() -> None:
    batches = predicted(data_module(images((3, 24, 32)), "SYX"), lambda data: data.astype(np.float64))
    assert_same(convert_prediction(batches, tiled=False), theirs(batches, tiled=False))


def numbers(value: Any) -> Any:
    """Metadata as somebody's own collate function might make them: lists for tensors."""
    if isinstance(value, dict):
        return {key: numbers(item) for key, item in value.items()}
    return [numbers(item) for item in value] if isinstance(value, list) else value.tolist()


def test_metadata_may_be_lists_of_numbers() -> None:
    batches = predicted(data_module(images((40, 52), (20, 60)), "YX", (16, 16), (4, 4)))
    # Each list of numbers stands for a column, as a tensor would; a list in its place is what decollating expects.
    listed = [
        batch._replace(
            data_shape=numbers(batch.data_shape),
            original_data_shape=numbers(batch.original_data_shape),
            region_spec={
                key: numbers(value) if isinstance(value, list) else np.asarray(value)
                for key, value in batch.region_spec.items()
            },
        )
        for batch in batches
    ]
    assert_same(convert_prediction(listed, tiled=True), theirs(batches, tiled=True))


def test_batches_that_only_careamics_can_take_apart_are_stitched() -> None:
    batches = predicted(data_module(images((40, 52), (20, 60)), "YX", (16, 16), (4, 4)))
    longer = [
        batch._replace(region_spec={**batch.region_spec, "data_idx": torch.cat([batch.region_spec["data_idx"]] * 2)})
        for batch in batches
    ]
    assert_same(convert_prediction(longer, tiled=True), theirs(batches, tiled=True))
    for ours, expected in zip(decollate_image_region_data(longer[0]), their_decollate(batches[0]), strict=True):
        assert repr(ours) == repr(expected)


def test_sources_of_files_are_named(tmp_path) -> None:
    import tifffile

    paths = [tmp_path / f"{name}.tiff" for name in "ba"]
    for path, image in zip(paths, images((30, 40), (20, 50)), strict=True):
        tifffile.imwrite(path, image)
    batches = predicted(data_module(paths, "YX", (16, 16), (4, 4), data_type="tiff"))
    ours = convert_prediction(batches, tiled=True, restore_shape=True)
    assert_same(ours, theirs(batches, tiled=True, restore_shape=True))
    assert len(ours[1]) == 2


def error(function: Any, *args: Any) -> tuple[type, str]:
    with pytest.raises(Exception) as caught:
        function(*args)
    return caught.type, str(caught.value)


@pytest.mark.parametrize("convert", [convert_prediction, consume_prediction])
def test_errors_are_those_of_careamics(convert) -> None:
    tiles = predicted(data_module(images((40, 52)), "YX", (16, 16), (4, 4)))
    whole = predicted(data_module(images((5, 24, 32)), "SYX"))
    for batches, *options in [(tiles, False), ([], False), (whole, True), (whole[:1], False, True)]:
        assert error(convert, list(batches), *options) == error(theirs, batches, *options)


def test_batches_of_the_public_function_stay_and_those_of_careamist_go() -> None:
    batches = predicted(data_module(images((40, 52)), "YX", (16, 16), (4, 4)))
    n_batches = len(batches)
    expected = convert_prediction(batches, tiled=True)
    assert len(batches) == n_batches
    data = [weakref.ref(batch.data) for batch in batches]
    assert_same(consume_prediction(batches, tiled=True), expected)
    assert batches == []
    assert not any(reference() is not None for reference in data)


def test_stitching_takes_the_memory_of_its_images() -> None:
    batches = predicted(data_module(images((512, 512)), "YX", (64, 64), (16, 16), batch_size=8))
    convert_prediction(batches, tiled=True)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        (image,), _ = convert_prediction(batches, tiled=True, restore_shape=True)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert image.nbytes <= peak < 1.3 * image.nbytes


def test_regions_are_decollated_as_careamics_does() -> None:
    for module in [
        data_module(images((40, 52), (30, 60)), "YX", (16, 16), (4, 4)),
        data_module(images((2, 3, 8, 16, 16)), "SCZYX"),
    ]:
        for batch in predicted(module):
            for ours, expected in zip(decollate_image_region_data(batch), their_decollate(batch), strict=True):
                assert np.shares_memory(ours.data, batch.data)
                np.testing.assert_array_equal(ours.data, expected.data)
                assert repr(ours._replace(data=None)) == repr(expected._replace(data=None))


def test_every_module_of_careamics_gets_what_replaces_a_function_and_gets_it_back() -> None:
    def holders(function: Any) -> set[tuple[str, str]]:
        modules = {path: module for path, module in sys.modules.items() if path.split(".")[0] == "careamics"}
        return {
            (path, name) for path, module in modules.items() for name, held in vars(module).items() if held is function
        }

    before = holders(theirs), holders(their_decollate)
    assert all(before)
    with replaced():
        assert not holders(theirs)
        assert not holders(their_decollate)
        assert holders(consume_prediction) == {("careamics.careamist", "convert_prediction")}
        assert holders(convert_prediction) | holders(consume_prediction) == before[0]
        assert holders(decollate_image_region_data) == before[1]
    assert (holders(theirs), holders(their_decollate)) == before
