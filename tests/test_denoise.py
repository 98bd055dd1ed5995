"""A TIFF file in, a denoised TIFF file out: the same shape, axes and metadata, whatever the file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import tifffile

from patchmill.denoise import cast_like, denoise_tiff
from patchmill.errors import OutputError, OutputExistsError, PatchmillWarning, ReadError, ShapeError
from patchmill.samples import simulate_fluorescence
from patchmill.sources import read_metadata, read_tiff
from patchmill.training import TrainingReport, load_checkpoint

RNG = np.random.default_rng(7)
DTYPES = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", ">u2", ">i2", ">f4", ">f8"]


def counts(*shape: int, dtype: str = "u2") -> np.ndarray:
    """Draw the counts of a camera: a slope, so that there is something to learn, with Poisson noise."""
    slope = 20 + 60 * np.indices(shape).sum(axis=0) / sum(shape)
    noisy = RNG.poisson(slope)
    return noisy > 50 if dtype == "?" else noisy.clip(0, 127).astype(dtype)


def denoise(source: Path, target: Path, **options: Any) -> TrainingReport:
    """Denoise with as little training as there can be."""
    options = {"num_epochs": 1, "patch_size": [16, 16], "seed": 3, "device": "cpu", **options}
    return denoise_tiff(source, target, **options)


def pages(path: Path, *images: np.ndarray) -> None:
    """Write pages that nothing says the meaning of."""
    with tifffile.TiffWriter(path) as file:
        for image in images:
            file.write(image, metadata=None, contiguous=False)


UM = {"PhysicalSizeX": 0.065, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.07, "PhysicalSizeYUnit": "µm"}

# Each: an image, and the options that tifffile wrote it with.
FILES: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "plain yx": (counts(33, 35), {"metadata": None}),
    "plain rgb": (counts(33, 35, 3, dtype="u1"), {"metadata": None, "photometric": "rgb"}),
    "rgb, channels apart": (counts(3, 33, 35, dtype="u1"), {"photometric": "rgb", "planarconfig": "separate"}),
    "imagej tyx": (counts(3, 33, 35), {"imagej": True, "metadata": {"axes": "TYX", "fps": 5.0, "unit": "um"}}),
    "imagej cyx": (counts(2, 33, 35), {"imagej": True, "metadata": {"axes": "CYX"}}),
    "imagej, big-endian": (counts(3, 33, 35), {"imagej": True, "byteorder": ">", "metadata": {"axes": "TYX"}}),
    "ome tyx": (counts(3, 33, 35), {"ome": True, "metadata": {"axes": "TYX", **UM}}),
    "ome tcyx": (counts(2, 2, 33, 35), {"ome": True, "metadata": {"axes": "TCYX", **UM}}),
    "ome, tiled and compressed": (
        counts(3, 33, 35),
        {"ome": True, "metadata": {"axes": "TYX", **UM}, "tile": (16, 16), "compression": "zstd"},
    ),
    "lzw": (counts(33, 35), {"compression": "lzw", "predictor": True}),
    "deflate": (counts(5, 33, 35), {"compression": "zlib", "metadata": {"axes": "TYX"}}),
    "bigtiff": (counts(33, 35), {"bigtiff": True}),
    "channels last": (counts(33, 35, 2), {"metadata": {"axes": "YXC"}, "photometric": "minisblack"}),
    "samples and times": (counts(2, 2, 33, 35), {"metadata": {"axes": "STYX"}}),
}
VOLUMES: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "imagej zyx": (counts(10, 33, 35), {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 0.3, "unit": "um"}}),
    "ome czyx": (counts(2, 8, 24, 22), {"ome": True, "metadata": {"axes": "CZYX", "PhysicalSizeZ": 0.3, **UM}}),
    "time after z": (counts(8, 2, 24, 22), {"metadata": {"axes": "ZTYX"}}),
}


@pytest.mark.parametrize("name", [*FILES, *VOLUMES])
def test_the_result_has_the_shape_the_axes_and_the_metadata_of_the_source(name: str, tmp_path: Path) -> None:
    image, options = (FILES | VOLUMES)[name]
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(source, image, resolution=(1 / 0.065, 1 / 0.07), **options)
    denoise(source, target, patch_size=[8, 16, 16] if name in VOLUMES else [16, 16])

    before, after = read_metadata(source), read_metadata(target)
    assert (after.shape, after.axes, after.dtype) == (before.shape, before.axes, np.dtype("f4"))
    assert (after.pixel_size_um, after.resolution) == (before.pixel_size_um, before.resolution)
    assert dict(after.items) == dict(before.items)
    denoised = read_tiff(target)
    assert np.isfinite(denoised).all()
    assert abs(denoised.mean() - image.mean()) < image.std()


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_data_type_is_denoised_and_kept_on_request(dtype: str, tmp_path: Path) -> None:
    image = counts(32, 36, dtype=dtype)
    source = tmp_path / "in.tif"
    tifffile.imwrite(source, image, byteorder=">" if ">" in dtype else "<")
    assert read_tiff(source).dtype.newbyteorder("=") == np.dtype(dtype).newbyteorder("=")

    denoise(source, tmp_path / "float.tif")
    denoise(source, tmp_path / "kept.tif", keep_dtype=True)
    as_float, kept = (read_tiff(tmp_path / name) for name in ("float.tif", "kept.tif"))
    assert as_float.dtype == np.float32
    assert kept.dtype.newbyteorder("=") == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(kept, cast_like(as_float, np.dtype(dtype)))
    if dtype != "?":
        assert np.abs(kept.astype("f8") - as_float).max() <= (0.5 if kept.dtype.kind in "iu" else 0.1)


def test_a_data_type_is_kept_by_rounding_and_clipping() -> None:
    image = np.array([-1e9, -0.6, 0.5, 1.5, 254.6, 1e20], dtype="f4")
    assert cast_like(image, np.dtype("u1")).tolist() == [0, 0, 0, 2, 255, 255]
    assert cast_like(image, np.dtype(">i2")).tolist() == [-32768, -1, 0, 2, 255, 32767]
    assert cast_like(image, np.dtype("?")).tolist() == [False, False, True, True, True, True]
    assert cast_like(image, np.dtype("f2")).tolist()[::5] == [-65504, 65504]
    assert cast_like(image, np.dtype("i8")).min() == -1e9
    # The largest numbers of float32 that the types hold.
    assert cast_like(image * 100, np.dtype("i4")).max() == 2**31 - 2**7
    assert cast_like(image * 100, np.dtype("i8")).max() == 2**63 - 2**39
    assert cast_like(image * 100, np.dtype("u8")).tolist()[::5] == [0, 2**64 - 2**40]


def test_a_volume_of_few_planes_is_denoised_plane_by_plane(tmp_path: Path) -> None:
    image = counts(3, 30, 31)
    tifffile.imwrite(tmp_path / "in.tif", image, imagej=True, metadata={"axes": "ZYX", "spacing": 0.3, "unit": "um"})
    with pytest.warns(PatchmillWarning, match=r"in\.tif, axis Z: expected at least 8 planes .*, got 3\. Each plane"):
        report = denoise(tmp_path / "in.tif", tmp_path / "out.tif", patch_size=None)
    after = read_metadata(tmp_path / "out.tif")
    assert (after.axes, after.shape, after.items["spacing"]) == ("ZYX", image.shape, 0.3)
    assert load_checkpoint(report.last).configuration.algorithm_config.model.conv_dims == 2


def test_few_planes_of_a_stack_of_volumes_leave_no_axis_for_the_planes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", counts(2, 2, 5, 16, 16), metadata={"axes": "STZYX"})
    with pytest.raises(ShapeError, match="axis Z: expected at least 8 planes, got 5"):
        denoise(tmp_path / "in.tif", tmp_path / "out.tif")


@pytest.mark.parametrize("shape", [(8, 8), (9, 30), (15, 64), (61, 67), (100, 90), (8, 9, 10), (11, 37, 39)])
def test_small_images_of_any_size_are_denoised_without_options(shape: tuple[int, ...], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", counts(*shape), metadata={"axes": "ZYX"[-len(shape) :]})
    denoise(tmp_path / "in.tif", tmp_path / "out.tif", patch_size=None)
    denoised = read_tiff(tmp_path / "out.tif")
    assert denoised.shape == shape
    assert np.isfinite(denoised).all()


@pytest.mark.parametrize(
    ("patch_size", "axes", "trained"),
    [([24], "TYX", [24, 24]), ([16, 24], "TYX", [16, 24]), ([8], "ZYX", [8, 8, 8]), ([8, 12, 16], "ZYX", [8, 12, 16])],
)
def test_a_patch_size_is_one_for_all_axes_or_one_for_each(
    patch_size: list[int], axes: str, trained: list[int], tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "in.tif", counts(8, 24, 28), imagej=True, metadata={"axes": "TYX"})
    report = denoise(tmp_path / "in.tif", tmp_path / "out.tif", patch_size=patch_size, axes=axes)
    assert load_checkpoint(report.last).configuration.data_config.patch_size == trained


def test_given_axes_are_what_the_file_does_not_say(tmp_path: Path) -> None:
    pages(tmp_path / "in.tif", *counts(4, 24, 28))
    denoise(tmp_path / "in.tif", tmp_path / "out.tif", axes="tyx")
    assert read_metadata(tmp_path / "out.tif").axes == "TYX"
    assert read_tiff(tmp_path / "out.tif").shape == (4, 24, 28)


@pytest.mark.parametrize("name", ["plain yx", "imagej tyx", "ome tcyx"])
def test_one_seed_gives_the_same_bytes_and_another_seed_others(name: str, tmp_path: Path) -> None:
    image, options = FILES[name]
    tifffile.imwrite(tmp_path / "in.tif", image, **options)
    for target, seed in (("a.tif", 1), ("b.tif", 1), ("c.tif", 2)):
        denoise(tmp_path / "in.tif", tmp_path / target, seed=seed, work_dir=tmp_path / target.replace(".", "_"))
    a, b, c = ((tmp_path / target).read_bytes() for target in ("a.tif", "b.tif", "c.tif"))
    assert a == b
    assert a != c


def test_the_target_stays_as_it_is_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    image = counts(24, 28)
    target = tmp_path / "image.tif"
    tifffile.imwrite(target, image)
    before = target.read_bytes()
    source = tmp_path / "in.tif"
    tifffile.imwrite(source, image)
    with pytest.raises(OutputExistsError, match="got one"):
        denoise(source, target)
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.tif", "in.tif"]

    denoise(source, target, overwrite=True)
    assert read_metadata(target).dtype == np.float32
    assert sorted(path.name for path in tmp_path.iterdir()) == ["image.tif", "image_patchmill", "in.tif"]


def test_the_source_is_never_overwritten_by_whatever_name_it_goes(tmp_path: Path) -> None:
    source, link = tmp_path / "in.tif", tmp_path / "link.tif"
    tifffile.imwrite(source, counts(24, 28))
    link.hardlink_to(source)
    before = source.read_bytes()
    for target in (source, tmp_path / ".." / tmp_path.name / "in.tif", link):
        with pytest.raises(OutputError, match=r"expected a file for the output, got the image itself\. Choose"):
            denoise(source, target, overwrite=True)
    assert source.read_bytes() == before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names are text")
def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    source = tmp_path / os.fsdecode(b"caf\xe9.tif")
    tifffile.imwrite(tmp_path / "in.tif", counts(24, 28))
    (tmp_path / "in.tif").rename(source)
    with pytest.raises(ReadError, match="expected a path in UTF-8"):
        denoise(source, tmp_path / "out.tif")


@pytest.mark.parametrize(
    ("name", "folder"), [("cells.tif", "cells"), ("cells.ome.tif", "cells"), ("cells.v2.TIFF", "cells.v2")]
)
def test_losses_and_checkpoints_go_beside_the_target_or_where_they_are_wanted(
    name: str, folder: str, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "in.tif", counts(24, 28))
    beside = denoise(tmp_path / "in.tif", tmp_path / name)
    assert beside.last == tmp_path / f"{folder}_patchmill" / "checkpoints" / "last.safetensors"
    wanted = denoise(tmp_path / "in.tif", tmp_path / name, work_dir=tmp_path / "new" / "run", overwrite=True)
    assert wanted.last == tmp_path / "new" / "run" / "checkpoints" / "last.safetensors"
    for report in (beside, wanted):
        assert report.last.is_file()
        assert report.best.is_file()
        assert len((report.last.parents[1] / "losses.csv").read_text().splitlines()) == 2


def test_a_constant_image_is_warned_about_and_comes_back(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", np.full((32, 32), 7, "u2"))
    with pytest.warns(PatchmillWarning, match=r"in\.tif, channel 0: expected pixels that differ, got 7 everywhere"):
        denoise(tmp_path / "in.tif", tmp_path / "out.tif")
    np.testing.assert_allclose(read_tiff(tmp_path / "out.tif"), 7, atol=1e-3)


def test_the_number_of_epochs_grows_where_epochs_are_short(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", counts(16, 16))
    report = denoise(tmp_path / "in.tif", tmp_path / "out.tif", num_epochs=None, patch_size=[8], batch_size=2)
    assert len(report.history) == 50


def test_noise_goes_and_the_scene_stays(tmp_path: Path) -> None:
    sample = simulate_fluorescence((128, 128), seed=5)
    tifffile.imwrite(tmp_path / "in.tif", sample.noisy)
    denoise(tmp_path / "in.tif", tmp_path / "out.tif", num_epochs=30, patch_size=[32])
    assert sample.psnr(read_tiff(tmp_path / "out.tif")) > sample.psnr(sample.noisy) + 3


@pytest.mark.parametrize(("name", "axes"), [("multipage.tif", "TYX"), ("multipage_rgb.tif", "TCYX")])
def test_the_tiff_files_of_scikit_image_are_denoised(name: str, axes: str, tmp_path: Path) -> None:
    source = Path(skimage.__file__).parent / "data" / name
    denoise(source, tmp_path / "out.tif", patch_size=None, axes=axes)
    assert read_metadata(tmp_path / "out.tif").axes == axes
    assert read_tiff(tmp_path / "out.tif").shape == read_tiff(source).shape


@pytest.mark.parametrize("name", ["coins", "microaneurysms", "chelsea"])
def test_pictures_of_scikit_image_keep_what_they_show(name: str, tmp_path: Path) -> None:
    picture = getattr(skimage.data, name)()[:110, :107]
    is_rgb = picture.ndim == 3
    tifffile.imwrite(tmp_path / "in.tif", picture, photometric="rgb" if is_rgb else "minisblack")
    denoise(tmp_path / "in.tif", tmp_path / "out.tif", patch_size=[32], num_epochs=8, keep_dtype=True)
    denoised = read_tiff(tmp_path / "out.tif")
    assert (denoised.shape, denoised.dtype) == (picture.shape, picture.dtype)
    assert np.corrcoef(denoised.ravel(), picture.ravel())[0, 1] > 0.7
