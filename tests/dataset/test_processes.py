"""Ctrl-C and early ends, each in a process of its own that must not hang."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.dataset.processes import SETUP, printed_by
from tests.dataset.thoroughness import times

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and signals are POSIX")


SLOW_FILES = """
from patchmill.dataset import IterableDataset

paths = [Path(FOLDER) / f"{number}.npy" for number in range(4)]
for number, path in enumerate(paths):
    np.save(path, noise((64, 64), seed=number))
waiting = [0.0]

def read(path):
    time.sleep(waiting[0])
    return np.load(path)

dataset = IterableDataset(data_config(data_type="custom"), paths, read_source_func=read)
expected = copied(PatchLoader(dataset, 4))
"""


def test_ctrl_c_is_heard_in_the_middle_of_any_work(tmp_path: Path) -> None:
    script = """
    import tifffile
    from patchmill.sources import open_images

    path = FOLDER + "/compressed.tif"
    tifffile.imwrite(path, np.zeros((8, 512, 512), np.uint16), compression="zlib", photometric="minisblack")
    slow = endless()
    works = {
        "a batch": lambda: next(iter(PatchLoader(slow, 300, num_threads=1, prefetch=1))),
        "items": lambda: slow.__getitems__(range(300)),
        "integer statistics": lambda: InMemoryDataset(
            data_config(), np.broadcast_to(np.arange(1 << 16, dtype=np.uint16), (1 << 22, 1 << 16))),
        "float statistics": lambda: InMemoryDataset(
            data_config(), np.broadcast_to(np.arange(1 << 16, dtype=np.float64), (1 << 22, 1 << 16))),
        "pages of a file": lambda: [open_images(path, "tiff", "ZYX") for _ in range(100_000)],
    }
    for name, work in works.items():
        seconds = seconds_until_interrupted(work)
        assert seconds < 2, f"{name}: {seconds:.2f} s"
    print("heard")
    """
    assert printed_by(script.replace("FOLDER", repr(str(tmp_path)))) == "heard\n"


def test_ctrl_c_is_heard_while_files_are_read_on_other_threads(tmp_path: Path) -> None:
    # What is read takes long, and nothing waits for it.
    script = """
    import tifffile
    from patchmill import CAREamist
    from patchmill.config import DataConfig, create_n2v_configuration
    from patchmill.dataset import IterableDataset
    from patchmill.info import collect_info
    from patchmill.sources import ImageFiles, survey_files

    folder = Path(FOLDER)
    for number in range(4):
        np.save(folder / f"{number}.npy", noise((64, 64), seed=number))
        tifffile.imwrite(folder / f"{number}.tif", noise((64, 64)), photometric="minisblack")
    slow = threading.Event()

    def read(path):
        if slow.is_set():
            time.sleep(20)
        return np.load(path)

    paths = sorted(folder.glob("*.npy"))
    in_turn = IterableDataset(data_config(data_type="custom"), paths, read_source_func=read)
    config = create_n2v_configuration("demo", data_type="custom", axes="YX", patch_size=[32, 32], batch_size=4,
        num_epochs=1, model_params={"depth": 1, "num_channels_init": 8})
    config.data_config.set_means_and_stds([0.0], [1.0])
    careamist = CAREamist(config, folder / "work", enable_progress_bar=False, device="cpu")
    of_file = ImageFiles.header

    def header(files, number):
        if slow.is_set():
            time.sleep(20)
        return of_file(files, number)

    ImageFiles.header = header
    slow.set()
    works = {
        "files in turn": lambda: list(PatchLoader(in_turn, 4)),
        "prediction": lambda: careamist.predict(folder, read_source_func=read, extension_filter="*.npy"),
        "survey": lambda: survey_files(ImageFiles(sorted(folder.glob("*.tif")), "tiff", "YX")),
        "info": lambda: collect_info(folder, axes="YX"),
    }
    for name, work in works.items():
        seconds = seconds_until_interrupted(work)
        assert seconds < 2, f"{name}: {seconds:.2f} s"
    print("heard")
    """
    assert printed_by(script.replace("FOLDER", repr(str(tmp_path)))) == "heard\n"


def test_an_iterator_over_files_goes_on_after_ctrl_c(tmp_path: Path) -> None:
    script = """
    loader = PatchLoader(dataset, 4, prefetch=1)
    waiting[0] = 0.5
    found, n_interrupted = [], 0
    if os.fork() == 0:
        for _ in range(4):
            time.sleep(0.4)
            os.kill(os.getppid(), signal.SIGINT)
        os._exit(0)
    batches = None
    while batches is None:
        try:
            batches = iter(loader)
        except KeyboardInterrupt:
            n_interrupted += 1
            loader.set_epoch(0)
    while len(found) < len(expected):
        try:
            found.append(as_bytes(next(batches)))
        except KeyboardInterrupt:
            n_interrupted += 1
    assert next(batches, None) is None
    assert found == expected
    assert n_interrupted
    print("same")
    """
    assert printed_by(script, setup=SETUP + SLOW_FILES.replace("FOLDER", repr(str(tmp_path)))) == "same\n"


def test_a_child_goes_on_with_files_that_its_parent_was_reading(tmp_path: Path) -> None:
    script = """
    batches = iter(PatchLoader(dataset, 4, prefetch=1))
    next(batches)
    waiting[0] = 1.0
    found = [as_bytes(next(batches)) for _ in range(3)]
    assert fork(lambda: "same" if found + copied(batches) == expected[1:] else "another") == "same"
    print("same")
    """
    assert printed_by(script, setup=SETUP + SLOW_FILES.replace("FOLDER", repr(str(tmp_path)))) == "same\n"


def test_an_iterator_goes_on_after_ctrl_c() -> None:
    script = """
    dataset = small()
    expected = copied(PatchLoader(dataset, 4))
    batches = iter(PatchLoader(dataset, 4))
    found = [as_bytes(next(batches))]
    main = threading.main_thread().ident
    for _ in range(3):
        try:
            signal.pthread_kill(main, signal.SIGINT)
            while True:
                pass
        except KeyboardInterrupt:
            found.append(as_bytes(next(batches)))
    assert found + copied(batches) == expected
    print("same")
    """
    assert printed_by(script) == "same\n"


def test_an_iterator_that_is_dropped_while_threads_are_busy_does_not_block() -> None:
    script = """
    loader = PatchLoader(endless(), 300, num_threads=2)
    for _ in range(3):
        batches = iter(loader)
        del batches
    del loader
    quick = small()
    assert copied(PatchLoader(quick, 4)) == copied(PatchLoader(quick, 4, num_threads=1))
    print("done")
    """
    assert printed_by(script) == "done\n"


def test_a_process_may_end_at_any_time() -> None:
    script = """
    dataset, slow = small(), endless()
    children = []
    for place in range(4):
        child = os.fork()
        if child == 0:
            source, batch_size = (slow, 300) if place == 0 else (dataset, 4)
            batches = iter(PatchLoader(source, batch_size, num_threads=2, prefetch=4))
            if place == 1:
                next(batches)
            if place == 2:
                del batches
            sys.exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    print("done", flush=True)
    kept = iter(PatchLoader(slow, 300))
    """
    assert printed_by(script) == "done\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_iterations_that_stop_early_leave_no_thread_and_no_descriptor_behind() -> None:
    script = """
    loader = PatchLoader(small(), 4, shuffle=True, num_threads=3, prefetch=4)
    kept = []

    def broken_off():
        for batch in loader:
            break

    def failed():
        try:
            for batch in loader:
                raise ValueError
        except ValueError:
            pass

    def dropped():
        batches = iter(loader)
        next(batches)
        del batches

    def kept_in_a_traceback():
        def use():
            batches = iter(loader)
            raise ValueError(next(batches)[0].shape)
        try:
            use()
        except ValueError as error:
            kept.append(error)

    def two_at_once():
        first, second = iter(loader), iter(loader)
        next(first), next(second), next(first)

    stops = [broken_off, failed, dropped, kept_in_a_traceback, two_at_once]
    for stop in stops:
        stop()
    before = usage()
    for _ in range(40):
        for stop in stops:
            stop()
    assert usage() == before
    kept.clear()
    assert usage() == before
    loader.set_epoch(0)
    assert digest(loader) == digest(PatchLoader(small(), 4, shuffle=True))
    print("as before")
    """
    assert printed_by(script) == "as before\n"


CORE_ALONE = """
# Without torch, whose own end takes a second.
import os, select, signal, sys, threading
import numpy as np
from patchmill._core import PatchDataset, Plan

dataset = PatchDataset([("image", np.ones((1, 200, 1, 1, 64, 64)))], [(0.0, 1.0)],
                       Plan.sequential([("image", 200, (1, 64, 64))], (1, 64, 64)))

def begin():
    items = np.array([(index, 0) for index in range(200)])
    return dataset.submit(items, (np.empty((200, 1, 1, 64, 64), np.float32),), seed=0, num_threads=3)
"""


@pytest.mark.timeout(600)
def test_interpreters_that_end_while_batches_are_made_end_well() -> None:
    script = f"""
    for n in range({times(40, slow=200)}):
        child = os.fork()
        if child == 0:
            batches = [begin() for _ in range(4)]
            if n % 4 == 1:
                batches[0].wait()
            if n % 4 == 2:
                batches.append(batches)
            if n % 4 == 3:
                threading.Thread(target=batches[3].wait).start()
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0, n
    kept = begin()
    print("done")
    """
    assert printed_by(script, setup=CORE_ALONE, timeout=600) == "done\n"
