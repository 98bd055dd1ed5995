"""Files that are read in turn give the items of files that are opened together, in an order that mixes few of them."""

from __future__ import annotations

import gc
import itertools
import pickle
import sys
import threading
import time
import weakref
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from torch.utils.data import DataLoader

from patchmill.config import DataConfig
from patchmill.dataset import InMemoryDataset, IterableDataset, PatchLoader, PathIterableDataset
from patchmill.dataset.file_sampler import FileSampler
from patchmill.errors import ConfigError, PairError, PatchmillWarning, ReadError
from tests.dataset.files import SHAPES, read_npy, write_npys, write_tiffs
from tests.dataset.milling import copied, data_config
from tests.oracles.item import Masking

MASKING = Masking("uniform", 11, 1.0)
PATCHING = ["sequential", "random", "fixed_random", "stratified"]


def config(**settings: Any) -> DataConfig:
    return data_config(**{"data_type": "tiff", "batch_size": 4, **settings})


def rows(loader: PatchLoader, epoch: int) -> list[tuple[int, int]]:
    """Return the items of an epoch, as index and epoch."""
    return [tuple(row) for items in loader._index_batches(epoch, 0) for row in items.tolist()]


@pytest.mark.parametrize("n_files_mixed", [1, 2, 10])
@pytest.mark.parametrize("patching", PATCHING)
def test_items_are_those_of_files_that_are_opened_together(tmp_path: Path, patching: str, n_files_mixed: int) -> None:
    paths = write_tiffs(tmp_path)
    asked = config(patching=patching, n_files_mixed=n_files_mixed, masking=MASKING)
    together, in_turn = InMemoryDataset(asked, paths), IterableDataset(asked, paths)
    assert len(in_turn) == len(together)
    assert in_turn.get_data_statistics() == together.get_data_statistics()
    loader = PatchLoader(in_turn, 4)
    for epoch in range(2):
        expected = iter(rows(loader, epoch))
        for batch in loader:
            for item in zip(*batch, strict=True):
                index, _ = next(expected)
                together.epoch = epoch
                for got, wanted in zip(item, together[index], strict=True):
                    assert got.numpy().tobytes() == wanted.tobytes()
        assert next(expected, None) is None


def test_targets_follow_their_images(tmp_path: Path) -> None:
    paths = write_tiffs(tmp_path / "images")
    targets = write_tiffs(tmp_path / "targets", [(2, *shape) for shape in SHAPES], seed=9)
    asked = config(axes="CYX", patching="sequential", n_files_mixed=2)
    images = write_tiffs(tmp_path / "c", [(1, *shape) for shape in SHAPES])
    together, in_turn = InMemoryDataset(asked, images, targets), IterableDataset(asked, images, targets)
    loader = PatchLoader(in_turn, 3)
    order = rows(loader, 0)
    got = [item for batch in loader for item in zip(*batch, strict=True)]
    for (index, _), item in zip(order, got, strict=True):
        for mine, wanted in zip(item, together[index], strict=True):
            assert mine.numpy().tobytes() == wanted.tobytes()
    assert len(paths) == in_turn.get_number_of_files()


@pytest.mark.parametrize("n_files_mixed", [1, 2, 3, 7])
def test_every_item_comes_once_and_few_files_are_mixed(tmp_path: Path, n_files_mixed: int) -> None:
    dataset = IterableDataset(config(n_files_mixed=n_files_mixed), write_tiffs(tmp_path))
    sampler = FileSampler(dataset)
    orders = []
    for epoch in range(3):
        items = sampler.items(epoch, 0, len(dataset))[:, 0]
        assert sorted(items.tolist()) == list(range(len(dataset)))
        files = np.searchsorted(dataset.item_ends, items, side="right")
        first, last = {}, {}
        for place, file in enumerate(files.tolist()):
            first.setdefault(file, place)
            last[file] = place
        for place in range(len(items)):
            assert sum(first[file] <= place <= last[file] for file in first) <= n_files_mixed
        orders.append(items.tolist())
    assert len({tuple(order) for order in orders}) == 3
    in_parts = [sampler.items(2, place, min(place + 5, len(dataset))) for place in range(0, len(dataset), 5)]
    assert np.concatenate(in_parts)[:, 0].tolist() == orders[2]


def test_validation_is_in_the_order_of_the_files(tmp_path: Path) -> None:
    dataset = IterableDataset(config(), write_tiffs(tmp_path), validation=True)
    assert FileSampler(dataset).items(0, 0, len(dataset))[:, 0].tolist() == list(range(len(dataset)))
    loader = PatchLoader(dataset, 4)
    assert copied(loader) == copied(loader)


def test_ranks_share_an_epoch(tmp_path: Path) -> None:
    dataset = IterableDataset(config(n_files_mixed=2), write_tiffs(tmp_path))
    whole = FileSampler(dataset).items(1, 0, len(dataset))[:, 0]
    for n_ranks in (2, 3):
        parts = [FileSampler(dataset, n_ranks, rank) for rank in range(n_ranks)]
        n_each = len(dataset) // n_ranks
        assert [len(part) for part in parts] == [n_each] * n_ranks
        for rank, part in enumerate(parts):
            assert part.items(1, 0, n_each)[:, 0].tolist() == whole[rank::n_ranks][:n_each].tolist()


def test_batches_do_not_depend_on_threads_or_prefetch(tmp_path: Path) -> None:
    paths = write_tiffs(tmp_path)
    expected = copied(PatchLoader(IterableDataset(config(masking=MASKING), paths), 4))
    for num_threads, prefetch in itertools.product((1, 2, 3), (1, 3)):
        dataset = IterableDataset(config(masking=MASKING), paths)
        assert copied(PatchLoader(dataset, 4, num_threads=num_threads, prefetch=prefetch)) == expected
    assert len(PatchLoader(dataset, 4)) == len(expected)
    assert len(PatchLoader(dataset, 4, drop_last=True)) == len(dataset) // 4


def test_a_loader_goes_on_where_a_state_was_taken(tmp_path: Path) -> None:
    dataset = IterableDataset(config(n_files_mixed=2), write_tiffs(tmp_path))
    loader = PatchLoader(dataset, 4, seed=5)
    loader.set_epoch(2)
    expected, states = [], []
    iterator = iter(loader)
    while True:
        states.append(loader.state_dict())
        try:
            expected.append([tensor.numpy().tobytes() for tensor in next(iterator)])
        except StopIteration:
            break
    for n_done, state in enumerate(states):
        again = PatchLoader(dataset, 4, num_threads=1, seed=5)
        again.load_state_dict(pickle.loads(pickle.dumps(state)))
        assert [[tensor.numpy().tobytes() for tensor in batch] for batch in again] == expected[n_done:]


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
def test_a_plain_loader_gives_the_same_items_whatever_the_workers(tmp_path: Path, num_workers: int) -> None:
    paths = write_tiffs(tmp_path)
    dataset = IterableDataset(config(n_files_mixed=2, masking=MASKING), paths)
    reference = PatchLoader(IterableDataset(config(n_files_mixed=2, masking=MASKING), paths), 4)
    for persistent in {False, num_workers > 0}:
        dataset.set_epoch(0)
        loader = DataLoader(dataset, 4, num_workers=num_workers, persistent_workers=persistent)
        for epoch in range(2):
            reference.set_epoch(epoch)
            assert multiset(loader) == multiset(reference), (persistent, epoch)


def multiset(loader: Any) -> Counter[bytes]:
    return Counter(
        b"".join(part.numpy().tobytes() for part in item) for batch in loader for item in zip(*batch, strict=True)
    )


def test_spawned_workers_get_a_dataset_that_was_split(tmp_path: Path) -> None:
    dataset = IterableDataset(config(), write_tiffs(tmp_path))
    validation = dataset.split_dataset(0.1, 1)
    for part in (dataset, validation):
        loader = DataLoader(part, 4, num_workers=1, multiprocessing_context="spawn")
        assert sum(len(batch[0]) for batch in loader) == len(part)
        again = pickle.loads(pickle.dumps(part))
        assert multiset(PatchLoader(again, 4)) == multiset(PatchLoader(part, 4))


def test_copies_of_a_dataset_count_their_epochs_for_themselves(tmp_path: Path) -> None:
    dataset = IterableDataset(config(), write_tiffs(tmp_path))
    dataset.set_epoch(3)
    again = pickle.loads(pickle.dumps(dataset))
    for _ in range(2):
        expected = multiset(PatchLoader(again, 4))
        assert multiset(DataLoader(again, 4, num_workers=1)) != expected
    assert (dataset.epoch, again.epoch) == (3, 5)


@pytest.mark.parametrize("context", ["fork", "spawn", "forkserver"])
def test_ranks_share_an_epoch_among_workers_however_they_were_started(
    tmp_path: Path, context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = IterableDataset(config(masking=MASKING), write_tiffs(tmp_path))
    whole = multiset(PatchLoader(dataset, 4))
    parts = []
    for rank in range(2):
        # Of the processes that torch connects, the workers that are spawned know nothing.
        monkeypatch.setattr("patchmill.dataset.iterable.replicas", lambda rank=rank: (2, rank))
        dataset.set_epoch(0)
        parts.append(multiset(DataLoader(dataset, 4, num_workers=2, multiprocessing_context=context)))
    assert not parts[0] & parts[1]
    assert len(whole) - 1 <= (parts[0] + parts[1]).total() <= len(whole)
    assert parts[0] + parts[1] <= whole


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_dataset_takes_no_descriptor(tmp_path: Path) -> None:
    paths = write_tiffs(tmp_path)
    dataset = IterableDataset(config(), paths)
    before = len(list(Path("/proc/self/fd").iterdir()))
    more = [IterableDataset(config(), paths) for _ in range(5)]
    for other in more:
        list(PatchLoader(other, 4))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert len(dataset) == len(more[0])


def test_files_are_split_if_there_are_enough(tmp_path: Path) -> None:
    paths = write_tiffs(tmp_path, [(32, 32)] * 20)
    for seed in (1, 2):
        dataset = IterableDataset(config(seed=seed), paths)
        validation = dataset.split_dataset(0.1, 5)
        assert (dataset.get_number_of_files(), validation.get_number_of_files()) == (15, 5)
        kept = {image.name for image in validation._sizes}
        assert not kept & {image.name for image in dataset._sizes}
        assert (len(dataset), len(validation)) == (15 * 4, 5 * 4)
        assert len(list(PatchLoader(validation, 20))) == 1
    most = IterableDataset(config(), paths)
    assert most.split_dataset(0.6, 5).get_number_of_files() == 12
    assert len(most.data_files) == 8
    assert most.target_files is None
    again = IterableDataset(config(seed=2), paths).split_dataset(0.1, 5)
    assert {image.name for image in again._sizes} == kept


def test_patches_are_split_if_there_are_too_few_files(tmp_path: Path) -> None:
    paths = write_tiffs(tmp_path, [(64, 64)] * 3)
    dataset = IterableDataset(config(patching="sequential"), paths)
    validation = dataset.split_dataset(0.1, 5)
    together = InMemoryDataset(config(patching="sequential"), paths)
    other = together.split_dataset(0.1, 5)
    assert (len(dataset), len(validation)) == (len(together), len(other)) == (43, 5)
    assert multiset(PatchLoader(validation, 5)) == multiset(PatchLoader(other, 5))
    with pytest.raises(ConfigError, match="Split it once only"):
        dataset.split_dataset(0.1, 5)


@pytest.mark.parametrize("patching", ["random", "stratified"])
def test_drawn_patches_stay_in_their_files_if_patches_are_split(tmp_path: Path, patching: str) -> None:
    # Of some files most is kept for validation, of some all of it.
    paths = write_tiffs(tmp_path, [(32, 32), (40, 40), (48, 20), (16, 16), (16, 30)])
    for seed in range(10):
        asked = config(patching=patching, seed=seed, patch_size=[16, 16])
        dataset, together = IterableDataset(asked, paths), InMemoryDataset(asked, paths)
        validations = dataset.split_dataset(0.4, 5), together.split_dataset(0.4, 5)
        for in_turn, at_hand in ((dataset, together), validations):
            for epoch in range(2):
                loaders = PatchLoader(in_turn, 4), PatchLoader(at_hand, 4)
                for loader in loaders:
                    loader.set_epoch(epoch)
                assert multiset(loaders[0]) == multiset(loaders[1])


class Tracker:
    """Reads files, and knows which of the images that it gave are still there."""

    def __init__(self, *, slow_s: float = 0.0) -> None:
        self.alive: weakref.WeakSet[Any] = weakref.WeakSet()
        self.most_alive = 0
        self.n_read = 0
        self.threads: set[str] = set()
        self.slow_s = slow_s

    def __call__(self, path: Path, axes: str) -> Any:
        image = Tracked.of(read_npy(path, axes))
        self.n_read += 1
        self.threads.add(threading.current_thread().name)
        self.alive.add(image)
        self.most_alive = max(self.most_alive, len(self.alive))
        time.sleep(self.slow_s)
        return image


class Tracked(np.ndarray):
    """An array that can be put into a set of weak references."""

    __hash__ = object.__hash__

    @classmethod
    def of(cls, array: np.ndarray) -> Tracked:
        return array.view(cls)


@pytest.mark.parametrize("n_files_mixed", [1, 3])
def test_only_the_files_at_hand_and_the_next_are_in_memory(tmp_path: Path, n_files_mixed: int) -> None:
    tracker = Tracker()
    paths = write_npys(tmp_path, [(32, 32)] * 24)
    asked = config(data_type="custom", n_files_mixed=n_files_mixed)
    dataset = IterableDataset(asked, paths, read_source_func=tracker)
    gc.collect()
    assert len(tracker.alive) == 0
    tracker.most_alive = tracker.n_read = 0
    loader = PatchLoader(dataset, 4, prefetch=2, num_threads=2)
    for _ in loader:
        pass
    assert tracker.n_read == 24, "each file is read once an epoch"
    # The group at hand, the next one, and those that the two batches in flight may still hold.
    assert tracker.most_alive <= 4 * n_files_mixed
    assert tracker.threads > {"MainThread"}
    assert all(name.startswith("patchmill") for name in tracker.threads - {"MainThread"})


def test_an_iterator_that_is_dropped_does_not_wait_for_a_slow_disk(tmp_path: Path) -> None:
    release = threading.Event()
    paths = write_npys(tmp_path, [(32, 32)] * 4)
    started = threading.Event()

    def read(path: Path, axes: str) -> Any:
        if started.is_set() and not release.wait(30):
            raise TimeoutError
        return read_npy(path, axes)

    dataset = IterableDataset(config(data_type="custom"), paths, read_source_func=read)
    loader = PatchLoader(dataset, 1, prefetch=1)
    iterator = iter(loader)
    next(iterator)
    started.set()
    before = time.perf_counter()
    del iterator
    assert time.perf_counter() - before < 5
    release.set()


def test_what_goes_wrong_while_reading_names_the_file(tmp_path: Path) -> None:
    paths = write_tiffs(tmp_path)
    dataset = IterableDataset(config(), paths)
    paths[3].unlink()
    with pytest.raises(ReadError, match="image003"):
        list(PatchLoader(dataset, 4))
    with pytest.raises(ReadError, match="image003"):
        list(DataLoader(dataset, 4))


def test_files_that_cannot_be_read_are_skipped_if_asked_to(tmp_path: Path) -> None:
    paths, targets = write_tiffs(tmp_path / "a"), write_tiffs(tmp_path / "b", seed=7)
    paths[1].write_bytes(b"II*\0 broken")
    targets[4].write_bytes(b"")
    with pytest.raises(ReadError, match="image001"):
        IterableDataset(config(), paths, targets)
    with pytest.warns(PatchmillWarning, match="2"):
        dataset = IterableDataset(config(on_error="skip"), paths, targets)
    kept = [0, 2, 3]
    together = InMemoryDataset(config(patching="random"), [paths[k] for k in kept], [targets[k] for k in kept])
    assert multiset(PatchLoader(dataset, 4)) == multiset(PatchLoader(together, 4, shuffle=True))


@pytest.mark.parametrize("given", [{}, {"image_means": [1.0], "image_stds": [2.0]}])
def test_files_with_damaged_pixels_are_skipped_if_asked_to(tmp_path: Path, given: dict[str, Any]) -> None:
    paths, targets = write_tiffs(tmp_path / "a"), write_tiffs(tmp_path / "b", seed=7)
    for path in (paths[1], targets[4]):
        with tifffile.TiffFile(path) as file:
            offset = file.pages.first.dataoffsets[0]
        with path.open("r+b") as stream:
            stream.seek(offset)
            stream.write(bytes(16))
    if given:
        given = {**given, "target_means": [1.0], "target_stds": [2.0]}
    with pytest.raises(ReadError, match=r"image00[14]"):
        list(PatchLoader(IterableDataset(config(**given), paths, targets), 4))
    with pytest.warns(PatchmillWarning, match="skipped 2 of 5 pairs of files"):
        dataset = IterableDataset(config(on_error="skip", **given), paths, targets)
    kept = [0, 2, 3]
    together = InMemoryDataset(
        config(patching="random", **given), *([files[k] for k in kept] for files in (paths, targets))
    )
    assert multiset(PatchLoader(dataset, 4)) == multiset(PatchLoader(together, 4, shuffle=True))


@pytest.mark.parametrize("which", ["images", "targets"])
def test_a_file_that_is_another_one_by_now_is_an_error_that_names_it(tmp_path: Path, which: str) -> None:
    paths, targets = write_tiffs(tmp_path / "images"), write_tiffs(tmp_path / "targets", seed=7)
    dataset = IterableDataset(config(), paths, targets)
    write_tiffs(tmp_path / which, [*SHAPES[:3], (30, 20)])
    with pytest.raises(ReadError, match=rf"{which}.image003.*expected the image that was there before"):
        list(PatchLoader(dataset, 4))


def test_files_are_paired_by_their_names(tmp_path: Path) -> None:
    shapes = [(32, 32)] * 4
    paths, targets = write_tiffs(tmp_path / "a", shapes), write_tiffs(tmp_path / "b", shapes)
    masks = write_tiffs(tmp_path / "c", shapes)
    for number, path in enumerate(masks):
        tifffile.imwrite(path, np.full((32, 32), number % 2, np.uint8), photometric="minisblack")
    asked = config(patching="sequential", transforms=[], patch_filter={"name": "mask", "coverage": 0.5})
    for create, name in ((IterableDataset, "filter_mask_files"), (InMemoryDataset, "filter_masks")):
        dataset = create(asked, paths[::-1], targets, **{name: [masks[k] for k in (2, 0, 3, 1)]})
        assert len(dataset) == 2 * 4
        for image, target in PatchLoader(dataset, 4):
            np.testing.assert_array_equal(image, target)
        with pytest.raises(PairError, match=r"1 without a target: image003\.tif"):
            create(asked, paths, targets[:3])
        with pytest.raises(PairError, match=r"image003\.tif"):
            create(asked, paths, **{name: masks[:3]})


def test_it_is_a_torch_dataset_with_the_name_of_careamics(tmp_path: Path) -> None:
    assert PathIterableDataset is IterableDataset
    dataset = IterableDataset(config(), write_tiffs(tmp_path))
    assert isinstance(dataset, torch.utils.data.IterableDataset)
    with pytest.raises(ConfigError, match="read in turn"):
        PatchLoader(dataset, sampler=range(3))
    first = next(iter(dataset))
    assert [array.shape for array in first] == [(1, 16, 16)]


def read_and_log(log: Path, path: Path, axes: str) -> Any:
    with log.open("a") as file:
        file.write(f"{path.name}\n")
    return read_npy(path, axes)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_workers_read_no_file_that_another_one_has(tmp_path: Path, num_workers: int) -> None:
    log = tmp_path / "log.txt"
    read = partial(read_and_log, log)
    paths = write_npys(tmp_path / "images", [(32, 32)] * 9)
    dataset = IterableDataset(config(data_type="custom", n_files_mixed=2), paths, read_source_func=read)
    log.unlink()
    assert sum(len(batch[0]) for batch in DataLoader(dataset, 4, num_workers=num_workers)) == len(dataset)
    assert sorted(log.read_text().split()) == [path.name for path in paths]


def test_given_statistics_of_integers_need_no_pass_over_the_files(tmp_path: Path) -> None:
    tracker = Tracker()
    paths = write_npys(tmp_path, [(32, 32)] * 9)
    given = {"image_means": [1.0], "image_stds": [2.0]}
    dataset = IterableDataset(config(data_type="custom", **given), paths, read_source_func=tracker)
    assert tracker.n_read <= len(paths) + 2, "the headers of all, and the first to see what they are"
    assert dataset.get_data_statistics() == ([1.0], [2.0])


@pytest.mark.parametrize("percentage", [-0.1, 1.5, float("nan")])
def test_a_share_out_of_range_is_refused(tmp_path: Path, percentage: float) -> None:
    dataset = IterableDataset(config(), write_tiffs(tmp_path, [(32, 32)] * 20))
    with pytest.raises(ConfigError, match="val_percentage: expected a share between 0 and 1"):
        dataset.split_dataset(percentage, 1)
