"""What a call draws is a function of the seed and its item or, without one, of how many calls its worker has made."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from patchmill.errors import ConfigError
from patchmill.transforms import Compose, N2VManipulate, XYFlip, XYRandomRotate90
from patchmill.transforms.draws import Draws

RANDOM = [XYFlip, XYRandomRotate90, N2VManipulate]

pytestmark = [
    # Python from 3.12 on warns of every fork in a process with threads, as patchmill's is.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
    # torch warns of more workers than cores.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]


def test_calls_are_counted() -> None:
    draws = Draws(7)
    assert [draws.of_call(None, None) for _ in range(3)] == [{"seed": 7, "epoch": 0, "item": n} for n in range(3)]
    assert draws.of_call(9, 4) == {"seed": 7, "epoch": 4, "item": 9}
    assert pickle.loads(pickle.dumps(draws)).of_call(None, None) == draws.of_call(None, None)


def test_threads_never_count_a_call_twice() -> None:
    draws = Draws(7)
    with ThreadPoolExecutor(8) as threads:
        items = list(threads.map(lambda _: draws.of_call(None, None)["item"], range(5000)))
    assert sorted(items) == list(range(5000))


@pytest.mark.parametrize("kind", [*RANDOM, lambda **arguments: Compose([], **arguments)])
@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "1"])
def test_a_seed_out_of_range_is_refused(kind: Any, seed: Any) -> None:
    with pytest.raises(ConfigError, match="seed: expected a whole number from 0 to"):
        kind(seed=seed)


@pytest.mark.parametrize("kind", RANDOM)
def test_a_seed_is_drawn_once_where_none_is_given(kind: Any) -> None:
    one, other = kind(), kind()
    assert one.seed != other.seed
    assert one.seed == one.seed
    assert kind(seed=2**63 - 1).seed == 2**63 - 1


@pytest.mark.parametrize("kind", RANDOM)
def test_an_item_or_epoch_out_of_range_is_refused(kind: Any) -> None:
    patch = np.zeros((1, 8, 8), dtype=np.float32)
    for wrong in ({"item": -1}, {"item": 2**63}, {"item": 1.0}, {"item": 1, "epoch": -1}, {"item": 1, "epoch": "0"}):
        with pytest.raises(ConfigError, match=r"(item|epoch): expected a whole number from 0 to"):
            kind()(patch, **wrong)
    with pytest.raises(ConfigError, match="item: expected one for epoch 3, got None"):
        kind()(patch, epoch=3)


class Patches(Dataset[Any]):
    """One patch again and again, masked anew by whoever asks for it."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._mask = N2VManipulate(masked_pixel_percentage=1.0, seed=3)

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, index: int) -> tuple[int, bytes]:
        _, _, mask = self._mask(np.zeros((1, 32, 32), dtype=np.float32))
        worker = torch.utils.data.get_worker_info()
        assert worker is not None
        return worker.id, mask.tobytes()


def masks_of(loader: DataLoader[Any]) -> list[tuple[int, bytes]]:
    return [item for batch in loader for item in batch]


@pytest.mark.parametrize("is_persistent", [False, True])
def test_no_worker_draws_what_another_one_does_nor_what_it_did_in_an_epoch_before(is_persistent: bool) -> None:
    loader = DataLoader(
        Patches(24),
        batch_size=3,
        num_workers=2,
        collate_fn=list,
        persistent_workers=is_persistent,
        multiprocessing_context="fork",
    )
    drawn = [item for _ in range(3) for item in masks_of(loader)]
    assert {worker for worker, _ in drawn} == {0, 1}
    assert len({mask for _, mask in drawn}) == 72


def test_the_draws_of_workers_follow_the_seed_of_torch() -> None:
    def epoch(seed: int) -> list[tuple[int, bytes]]:
        torch.manual_seed(seed)
        return masks_of(DataLoader(Patches(8), num_workers=2, collate_fn=list, multiprocessing_context="fork"))

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)


def test_nothing_of_it_loads_torch() -> None:
    script = """
import sys
import numpy as np
from patchmill.config import N2VManipulateConfig, NormalizeConfig, XYFlipConfig, XYRandomRotate90Config
from patchmill.transforms import Compose, Denormalize
configs = [NormalizeConfig(image_means=[1.0], image_stds=[2.0]), XYFlipConfig(), XYRandomRotate90Config()]
compose = Compose([*configs, N2VManipulateConfig()])
_, patch, _ = compose(np.zeros((1, 32, 32), np.uint16))
Denormalize([1.0], [2.0])(patch[None])
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], timeout=100, check=True)
