"""The picture of a data module shows what training gets: its batch, its cells, its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from matplotlib.image import imread
from torch.utils.data import default_collate

from patchmill.config import (
    DataConfig,
    MaskPatchFilterConfig,
    MaxPatchFilterConfig,
    MeanStdPatchFilterConfig,
    MinMaxConfig,
    N2VManipulateConfig,
    NoNormConfig,
    XYFlipConfig,
    XYRandomRotate90Config,
)
from patchmill.dataset import IterableDataset, PatchLoader, TrainDataModule, preview
from patchmill.dataset.preview import draw_preview
from patchmill.errors import ConfigError, DataError, MissingPackageError, OutputError
from patchmill.plotting import Cell, Overview
from tests.dataset.milling import data_config, noise

ALL_PATCHING = ["sequential", "random", "fixed_random", "stratified"]


def image(*shape: int, seed: int = 0) -> np.ndarray:
    """An image whose right half is brighter, without two equal pixels side by side."""
    pixels = np.random.default_rng(seed).permutation(int(np.prod(shape))).reshape(shape).astype(np.uint32)
    pixels[..., shape[-1] // 2 :] += pixels.size
    return pixels


def config(axes: str = "YX", **options: Any) -> DataConfig:
    masks = options.pop("n2v", True)
    transforms = [XYFlipConfig(), XYRandomRotate90Config(), *([N2VManipulateConfig()] if masks else [])]
    usual = {
        "data_type": "array",
        "patch_size": [8, 16, 16] if "Z" in axes else [16, 16],
        "batch_size": 6,
        "transforms": transforms,
        "seed": 5,
    }
    return DataConfig(axes=axes, **{**usual, **options})


@dataclass
class Drawn:
    """What a preview hands over to be plotted."""

    batch: dict[str, np.ndarray]
    overviews: list[Overview]
    legend: dict[Cell, str]
    captions: list[str]


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Any:
    def drawn(data_module: TrainDataModule, **options: Any) -> Drawn:
        calls: list[Drawn] = []
        monkeypatch.setattr(
            preview,
            "plot_preview",
            lambda batch, overviews, path, *, legend, captions: calls.append(Drawn(batch, overviews, legend, captions)),
        )
        draw_preview(data_module, "unused.png", **options)
        return calls[0]

    return drawn


def write(folder: Path, n_files: int, shape: tuple[int, ...] = (48, 50)) -> Path:
    folder.mkdir()
    for number in range(n_files):
        tifffile.imwrite(
            folder / f"{number}.tif", image(*shape, seed=number), compression="zlib" if number % 2 else None
        )
    return folder


def modules(tmp_path: Path) -> dict[str, TrainDataModule]:
    """One data module of each kind."""
    files, few = write(tmp_path / "files", 12), write(tmp_path / "few", 3)
    pair = [image(48, 50), image(60, 40, seed=1)]
    bright = MeanStdPatchFilterConfig(mean_threshold=2500)
    tiff = config(data_type="tiff")
    modules = {
        "masked": TrainDataModule(config(), pair),
        "pairs": TrainDataModule(config(n2v=False), pair, train_data_target=[-i.astype("f4") for i in pair]),
        "patches": TrainDataModule(config(n2v=False, normalization=MinMaxConfig()), pair),
        "as they are": TrainDataModule(config(normalization=NoNormConfig()), pair),
        "validation": TrainDataModule(config(), pair, image(30, 30)),
        "volume": TrainDataModule(config("ZYX"), image(20, 40, 50)),
        "movie": TrainDataModule(config("TYX"), image(5, 40, 50)),
        "channels": TrainDataModule(config("CYX"), image(5, 40, 50)),
        "mask": TrainDataModule(
            config(patch_filter=MaskPatchFilterConfig()), image(96, 96), train_data_mask=image(96, 96) >= 96 * 96
        ),
        "files": TrainDataModule(tiff, files),
        "in turn": TrainDataModule(tiff, files, use_in_memory=False),
        "few in turn": TrainDataModule(tiff, few, use_in_memory=False),
        "in turn, validation": TrainDataModule(tiff, files, few, use_in_memory=False),
        "in turn, filtered": TrainDataModule(
            config(data_type="tiff", patch_filter=bright, n_files_mixed=2), few, use_in_memory=False
        ),
        "own collation": TrainDataModule(
            config(train_dataloader_params={"collate_fn": lambda items: "something else"}), pair
        ),
        "own collation, in turn": TrainDataModule(
            config(data_type="tiff", train_dataloader_params={"collate_fn": lambda items: "something else"}),
            files,
            use_in_memory=False,
        ),
        "unshuffled": TrainDataModule(config(train_dataloader_params={"shuffle": False, "seed": 3}), pair),
    }
    for patching in ALL_PATCHING:
        modules[patching] = TrainDataModule(config(patching=patching), pair)
        modules[f"{patching}, filtered"] = TrainDataModule(config(patching=patching, patch_filter=bright), pair)
    return modules


KINDS = [
    *("masked", "pairs", "patches", "as they are", "validation", "volume", "movie", "channels", "mask", "files"),
    *("in turn", "few in turn", "in turn, validation", "in turn, filtered", "own collation"),
    *("own collation, in turn", "unshuffled", *ALL_PATCHING, *(f"{patching}, filtered" for patching in ALL_PATCHING)),
]


@pytest.fixture(params=KINDS)
def module(request: pytest.FixtureRequest, tmp_path: Path) -> TrainDataModule:
    return modules(tmp_path)[request.param]


def test_a_picture_is_made_of_any_kind_of_data(module: TrainDataModule, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    path = draw_preview(module, tmp_path / "out" / "preview.png")
    assert imread(path).shape[1] <= 1600
    assert [file.name for file in path.parent.iterdir()] == ["preview.png"]


def test_the_items_are_the_first_of_the_first_batch(module: TrainDataModule, draw: Any) -> None:
    shown = draw(module, n_items=3)
    loader = module.train_dataloader()
    if loader.collate_fn is not default_collate:
        # What comes out of it is not a batch of arrays, but its items are these.
        loader = PatchLoader(module.train_dataset, module.batch_size, shuffle=True)
    batch = next(iter(loader))
    expected = {1: ["patch"], 2: ["input", "target"], 3: ["masked", "original", "mask"]}[len(batch)]
    assert list(shown.batch) == expected
    for part, whole in zip(shown.batch.values(), batch, strict=True):
        np.testing.assert_array_equal(part, whole[:3].numpy())


def test_a_preview_takes_no_epoch_away(draw: Any) -> None:
    module = TrainDataModule(config(), image(64, 64))
    first = draw(module)
    second = draw(module)
    for part, again in zip(first.batch.values(), second.batch.values(), strict=True):
        np.testing.assert_array_equal(part, again)


def test_labels_say_where_the_items_were_cut(module: TrainDataModule, draw: Any) -> None:
    shown = draw(module)
    labelled = {label: (view, place) for view in shown.overviews for label, place in view.patches.items()}
    patches = shown.batch.get("original", shown.batch.get("input", shown.batch.get("patch")))
    if patches.ndim == 4:
        assert sorted(labelled) == [str(number + 1) for number in range(len(patches))]
    else:
        # The plane is in the middle of the first patch, but not of others that it crosses.
        labelled = {"1": labelled["1"]}
    for label, (view, (y, x)) in labelled.items():
        height, width = view.patch_size
        cut = view.plane[y : y + height, x : x + width]
        assert view.plane.shape == view.size  # small enough to be shown as it is
        item = patches[int(label) - 1, 0]
        plane = item if item.ndim == 2 else item[item.shape[0] // 2]
        # Flips and turns move values, and normalisation is a shift and a scale.
        found, expected = (np.sort(values, axis=None).astype(np.float64) for values in (plane, cut))
        np.testing.assert_allclose(found, np.polyval(np.polyfit(expected, found, 1), expected), atol=1e-3)


def cells_of(view: Overview, cell: Cell) -> set[tuple[int, int]]:
    rows, columns = np.nonzero(view.cells == cell)
    return {(int(view.origins[0][y]), int(view.origins[1][x])) for y, x in zip(rows, columns, strict=True)}


def regions_of(dataset: Any, number: int, sample: int) -> set[tuple[int, int]]:
    items = np.array([(item, 0) for item in range(len(dataset))])
    rows = dataset._plan.regions(items, seed=dataset.seed)
    return {(y, x) for of, within, _, y, x in rows.tolist() if (of, within) == (number, sample)}


@pytest.mark.parametrize("patch_filter", [None, MeanStdPatchFilterConfig(mean_threshold=2500)])
@pytest.mark.parametrize("axes", ["YX", "TYX"])
def test_cells_are_what_the_datasets_make_of_them(draw: Any, axes: str, patch_filter: Any) -> None:
    shapes = [(48, 50), (60, 40)] if axes == "YX" else [(2, 48, 50), (2, 60, 40)]
    images = [image(*shape, seed=number) // (1 if axes == "YX" else 2) for number, shape in enumerate(shapes)]
    module = TrainDataModule(config(axes, patch_filter=patch_filter), images)
    shown = draw(module)
    assert len(shown.overviews) == sum(image.size // image.shape[-1] // image.shape[-2] for image in images)
    counts = dict.fromkeys(Cell, 0)
    for view in shown.overviews:
        number, sample = int(view.title[6]), int(view.title.partition("sample ")[2][:1] or 0)
        assert cells_of(view, Cell.TRAINING) == regions_of(module.train_dataset, number, sample)
        assert cells_of(view, Cell.VALIDATION) == regions_of(module.val_dataset, number, sample)
        for y, x in cells_of(view, Cell.FILTERED):
            assert view.plane[y : y + 16, x : x + 16].mean() < 2500
        for y, x in cells_of(view, Cell.LEFT_OUT):
            beside = cells_of(view, Cell.VALIDATION)
            assert any(abs(y - other_y) < 16 and abs(x - other_x) < 16 for other_y, other_x in beside)
        for cell in Cell:
            counts[cell] += len(cells_of(view, cell))
    assert (counts[Cell.FILTERED] > 0) == (patch_filter is not None)
    assert {cell: int(text.split(": ")[1].split(" ")[0]) for cell, text in shown.legend.items()} == {
        cell: count for cell, count in counts.items() if count
    }


def test_patches_that_the_plane_does_not_cross_have_no_label(draw: Any) -> None:
    module = TrainDataModule(config("ZYX", patching="random"), image(40, 40, 50))
    (view,) = draw(module).overviews
    plane = int(view.title.split("plane ")[1].split(" ")[0])
    items = next(module.train_dataloader()._index_batches(0, 0))[:4]
    rows = module.train_dataset._plan.regions(items, seed=module.seed)
    expected = {str(number): (y, x) for number, (_, _, z, y, x) in enumerate(rows.tolist(), 1) if z <= plane < z + 8}
    assert view.patches == expected
    assert len(expected) < 4


def test_the_channel_is_the_one_that_the_filter_looks_at(draw: Any) -> None:
    channels = image(3, 48, 50)
    bright = MeanStdPatchFilterConfig(mean_threshold=0, ref_channel=2)
    for patch_filter, channel in ((None, 0), (bright, 2)):
        (view,) = draw(TrainDataModule(config("CYX", patch_filter=patch_filter), channels)).overviews
        np.testing.assert_array_equal(view.plane, channels[channel])
        assert f"channel {channel}, " in view.title


def test_cells_of_a_plane_are_those_that_it_crosses(draw: Any) -> None:
    volume = image(20, 40, 50)
    threshold = float(np.sort(volume[8:16, :16, :16], axis=None)[-3])  # of one cell above, and one at the plane
    module = TrainDataModule(
        config("ZYX", patch_filter=MaxPatchFilterConfig(threshold=threshold, coverage=0.001)), volume
    )
    (view,) = draw(module).overviews
    plane = int(view.title.split("plane ")[1].split(" ")[0])
    items = np.array([(item, 0) for item in range(len(module.train_dataset))])
    rows = module.train_dataset._plan.regions(items, seed=module.seed)
    expected = {(y, x) for _, _, z, y, x in rows.tolist() if z <= plane < z + 8}
    hidden = cells_of(view, Cell.VALIDATION)
    assert cells_of(view, Cell.TRAINING) == expected - hidden
    np.testing.assert_array_equal(view.plane, volume[plane])


def test_samples_and_images_of_the_items_come_first_and_then_the_first_ones(draw: Any) -> None:
    movie = image(9, 32, 32)
    shown = draw(TrainDataModule(config("TYX"), movie), n_items=1)
    samples = [int(view.title.split("sample ")[1].split(" ")[0]) for view in shown.overviews]
    assert len(samples) == 4
    assert list(shown.overviews[0].patches) == ["1"]
    assert samples[1:] == [sample for sample in range(9) if sample != samples[0]][:3]
    for sample, view in zip(samples, shown.overviews, strict=True):
        np.testing.assert_array_equal(view.plane, movie[sample])


def test_validation_images_of_their_own_are_shown_as_such(tmp_path: Path, draw: Any) -> None:
    for kind in ("validation", "in turn", "in turn, validation"):
        folder = tmp_path / kind
        folder.mkdir()
        shown = draw(modules(folder)[kind])
        *training, validation = shown.overviews
        assert len(training) <= 3
        assert validation.title.startswith("validation: ")
        assert not any(view.title.startswith("validation") for view in training)
        assert (validation.cells == Cell.VALIDATION).all()
        assert not any((view.cells == Cell.VALIDATION).any() for view in training)
        assert "for validation, of images of their own" in shown.captions[0]


def test_files_of_the_split_are_shown_as_what_they_are(tmp_path: Path, draw: Any) -> None:
    module = modules(tmp_path)["in turn"]
    shown = draw(module)
    assert isinstance(module.train_dataset, IterableDataset)
    training = {Path(header.name).name for header in module.train_dataset._sizes}
    validation = {Path(header.name).name for header in module.val_dataset._sizes}
    *views, own = [view.title.removeprefix("validation: ").split(",")[0] for view in shown.overviews]
    assert set(views) <= training
    assert own in validation


def test_captions_say_what_there_is(tmp_path: Path, draw: Any) -> None:
    made = modules(tmp_path)
    captions = {
        kind: draw(made[kind]).captions for kind in ("random, filtered", "pairs", "as they are", "in turn", "files")
    }
    n_training, n_validation = (len(dataset) for dataset in (made["pairs"].train_dataset, made["pairs"].val_dataset))
    assert captions["pairs"][0] == (
        f"{n_training} patches of 16 x 16 for training, {n_validation} for validation, of the same images. "
        "Patching: sequential. Images: 2 in memory."
    )
    data = made["pairs"].data_config
    assert captions["pairs"][-1] == (
        f"Normalisation: mean_std. (x - {data.image_means[0]:.4g}) / {data.image_stds[0]:.4g}; "
        f"targets: (x - {data.target_means[0]:.4g}) / {data.target_stds[0]:.4g}."
    )
    assert captions["as they are"][-1] == "Normalisation: none. pixels as they are."
    assert "Patching: random. Images: 7 files, read in turn." in captions["in turn"][0]
    assert "Images: 6 mapped, 6 in memory." in captions["files"][0]
    kept = made["random, filtered"].train_dataset._kept
    assert (
        captions["random, filtered"][1]
        == f"Filter: mean_std, which keeps {len(kept)} of 24 cells ({len(kept) / 24:.0%})."
    )


def test_a_preview_of_fewer_items_than_asked_for_shows_those(draw: Any) -> None:
    module = TrainDataModule(config(batch_size=2), image(64, 64))
    assert len(draw(module, n_items=9).batch["original"]) == 2


def test_without_a_batch_the_error_says_so(tmp_path: Path) -> None:
    module = TrainDataModule(config(batch_size=512, train_dataloader_params={"drop_last": True}), image(64, 64))
    with pytest.raises(DataError, match=r"preview: expected a training batch, got none: there are 11 patches"):
        draw_preview(module, tmp_path / "preview.png")
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_nothing_is_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    module = TrainDataModule(config(), image(64, 64))
    with pytest.raises(MissingPackageError, match="pip install"):
        draw_preview(module, tmp_path / "preview.png")
    assert not hasattr(module, "train_dataset")


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"preview\.png: expected a file that can be written"):
        draw_preview(TrainDataModule(config(), image(64, 64)), tmp_path / "none" / "preview.png")


def test_a_data_module_draws_its_preview(tmp_path: Path) -> None:
    module = TrainDataModule(data_config(batch_size=4), noise((64, 64)))
    path = module.preview(tmp_path / "data.png", n_items=2)
    assert path == tmp_path / "data.png"
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("n_items", [0, -1, 1.5, "all"])
def test_a_preview_of_nothing_is_refused_before_anything_is_set_up(tmp_path: Path, n_items: Any) -> None:
    module = TrainDataModule(config(), image(64, 64))
    with pytest.raises(ConfigError, match=f"n_items: expected a whole number of at least 1, got {n_items!r}. Leave it"):
        module.preview(tmp_path / "preview.png", n_items=n_items)
    assert not hasattr(module, "train_dataset")
