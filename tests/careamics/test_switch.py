"""The switch: on, off, and what falls back."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("careamics")

import careamics
from careamics.config.data import DataConfig
from careamics.dataset.factory import ImageStackLoading
from careamics.dataset.image_stack import InMemoryImageStack
from careamics.lightning.data import CareamicsDataModule
from lightning.pytorch.utilities.data import _update_dataloader
from torch.utils.data import DistributedSampler

import patchmill.careamics
from patchmill.careamics import accelerate, accelerated, deaccelerate, status, switch
from patchmill.careamics.dataset import EngineDataset
from patchmill.careamics.loader import RegionLoader
from patchmill.careamics.replacement import Replacement
from patchmill.errors import ConfigError, MissingPackageError

DATA = np.random.default_rng(0).integers(0, 4000, (3, 48, 40)).astype(np.uint16)


@pytest.fixture(autouse=True)
def switched_off() -> Iterator[None]:
    yield
    deaccelerate()


def config(**changes: Any) -> DataConfig:
    return DataConfig(**{
        "mode": "training",
        "data_type": "array",
        "axes": "SYX",
        "patching": {"name": "stratified", "patch_size": [16, 16]},
        "normalization": {"name": "mean_std"},
        "batch_size": 4,
        "n_val_patches": 2,
        **changes,
    })  # fmt: skip


def snapshot() -> dict[tuple[str, str], Any]:
    """Return everything that the modules of CAREamics hold, and what their classes do."""
    held: dict[tuple[str, str], Any] = {}
    for path, module in list(sys.modules.items()):
        if path.partition(".")[0] == "careamics":
            for name, value in list(vars(module).items()):
                held[path, name] = value
                if isinstance(value, type) and value.__module__.startswith("careamics"):
                    held |= {(f"{path}.{name}", attribute): held_by for attribute, held_by in vars(value).items()}
    return held


@pytest.mark.parametrize("faithful", [False, True])
def test_everything_is_put_back(faithful: bool) -> None:
    accelerate()
    deaccelerate()
    before = snapshot()
    with accelerated(faithful=faithful):
        during = snapshot()
    after = snapshot()
    ignored = {"__abstractmethods__", "_abc_impl"}
    assert any(during[key] is not value for key, value in before.items() if key in during)
    changed = [key for key, value in before.items() if key[1] not in ignored and after.get(key) is not value]
    assert not changed
    assert before.keys() == after.keys()


def test_blocks_nest_and_the_last_call_counts() -> None:
    accelerate(faithful=True)
    accelerate()
    assert not status().faithful
    with accelerated(faithful=True):
        assert status().faithful
    assert status().is_accelerated
    assert not status().faithful
    deaccelerate()
    deaccelerate()
    assert not status().is_accelerated
    assert "not accelerated" in str(status())


def test_a_block_that_fails_is_switched_off() -> None:
    with pytest.raises(ZeroDivisionError), accelerated():
        _ = 1 / 0
    assert not status().is_accelerated


def test_status_says_what_is_replaced() -> None:
    accelerate()
    text = str(status())
    assert f"CAREamics {metadata.version('careamics')} is accelerated" in text
    assert "train batches" in text
    assert "left to CAREamics" not in text


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0", "0.4.0", "1.0.0"])
def test_another_version_is_left_alone(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: version)
    before = CareamicsDataModule.setup
    with pytest.raises(ConfigError, match=f"expected version 0.3.x, got {version}"):
        accelerate()
    assert CareamicsDataModule.setup is before


def test_a_missing_careamics_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(MissingPackageError, match="pip install"):
        accelerate()


def test_a_version_that_lacks_something_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    before = CareamicsDataModule.setup
    wanted = [Replacement(CareamicsDataModule, name, None, "data") for name in ("setup", "not_there")]
    monkeypatch.setattr(switch, "_replacements", lambda *, faithful: wanted)
    with pytest.raises(ConfigError, match=r"expected CareamicsDataModule\.not_there"):
        accelerate()
    assert CareamicsDataModule.setup is before
    assert not status().is_accelerated


def test_what_only_careamics_can_read_falls_back_with_a_reason() -> None:
    def load(source: Any, axes: str) -> list[InMemoryImageStack]:
        return [InMemoryImageStack.from_array(DATA, axes)]

    with accelerated():
        module = CareamicsDataModule(
            config(data_type="custom"), train_data="somewhere", loading=ImageStackLoading(load)
        )
        module.setup("fit")
        assert not isinstance(module.train_dataset, EngineDataset)
        assert len(next(iter(module.train_dataloader()))[0].data) == 4
        assert any("image stacks" in reason for reason in status().fell_back)
        assert "left to CAREamics: fit data" in str(status())


def test_pixels_that_patchmill_refuses_fall_back_without_a_trace() -> None:
    data = DATA.astype(np.float32)
    data[0, 0, 0] = np.nan
    plain = CareamicsDataModule(config(seed=1), train_data=data)
    plain.setup("fit")
    with accelerated():
        module = CareamicsDataModule(config(seed=1), train_data=data)
        module.setup("fit")
        assert "NaN" in str(status()) or "nan" in str(status())
    assert not isinstance(module.train_dataset, EngineDataset)
    specs = [found.val_dataset.patch_constructor.patching_strategy.fixed_patch_specs for found in (plain, module)]
    assert specs[0] == specs[1]


def test_errors_are_those_of_careamics() -> None:
    messages = []
    for change in (deaccelerate, accelerate):
        change()
        with pytest.raises(ValueError, match="patch size") as error:
            CareamicsDataModule(config(), train_data=DATA[:, :10]).setup("fit")
        messages.append(str(error.value))
    assert messages[0] == messages[1]


def test_the_subclass_works_without_replacing_anything() -> None:
    module = patchmill.careamics.CareamicsDataModule(config(), train_data=DATA)
    assert isinstance(module, CareamicsDataModule)
    module.setup("fit")
    assert isinstance(module.train_dataset, EngineDataset)
    assert isinstance(module.train_dataloader(), RegionLoader)
    assert isinstance(module.val_dataloader(), RegionLoader)
    assert not status().is_accelerated
    plain = CareamicsDataModule(config(), train_data=DATA)
    plain.setup("fit")
    assert not isinstance(plain.train_dataset, EngineDataset)


def test_the_subclass_is_faithful_within_a_block_that_is_not() -> None:
    with accelerated():
        module = patchmill.careamics.CareamicsDataModule(config(), train_data=DATA, faithful=True)
        module.setup("fit")
    assert module.train_dataset.is_faithful


def test_a_dataset_travels_to_a_worker() -> None:
    with accelerated():
        module = CareamicsDataModule(config(), train_data=DATA)
        module.setup("fit")
        for dataset in (module.train_dataset, module.val_dataset):
            list(RegionLoader(dataset, batch_size=4))
            copy = pickle.loads(pickle.dumps(dataset))
            assert len(copy[0][0].data) == 1
            assert len(list(RegionLoader(copy, batch_size=4))) == -(-len(dataset) // 4)


def test_lightning_can_share_a_loader_among_processes() -> None:
    with accelerated():
        module = CareamicsDataModule(config(), train_data=DATA)
        module.setup("fit")
        loader = module.train_dataloader()
        parts = [
            _update_dataloader(loader, DistributedSampler(loader.dataset, num_replicas=2, rank=rank, shuffle=False))
            for rank in range(2)
        ]
    assert all(isinstance(part, RegionLoader) for part in parts)
    assert sum(len(batch[0].data) for part in parts for batch in part) == len(loader.dataset) + len(loader.dataset) % 2


@pytest.mark.parametrize("strategy", ["uniform", "median"])
@pytest.mark.parametrize("axes", [None, "horizontal", "cross"])
@pytest.mark.parametrize("shape", [(4, 2, 32, 32), (2, 1, 8, 16, 16)])
def test_pixels_are_masked_as_noise2void_asks(strategy: str, axes: str | None, shape: tuple[int, ...]) -> None:
    from careamics.config.algorithms.n2v_manipulation import N2VManipulateConfig
    from careamics.lightning.modules.n2v_utils import N2VManipulate

    struct = None if axes is None else {"axes": axes, "span": 5}
    step = N2VManipulate(
        N2VManipulateConfig(strategy=strategy, struct_mask=struct, masked_pixel_percentage=2, seed=1), device="cpu"
    )
    batch = torch.randn(shape)
    with accelerated():
        masked, original, mask = step(batch)
        again, _, other_mask = step(batch)
        assert not status().fell_back
    assert original is batch
    assert masked.dtype == torch.float32
    assert mask.dtype == torch.uint8
    assert (masked != original)[mask.bool()].any()
    if axes is None:
        assert (masked == original)[~mask.bool()].all()
    assert mask.float().mean() == pytest.approx(0.02, rel=0.35)
    assert not torch.equal(mask, other_mask)
    assert not torch.equal(masked, again)
    with accelerated():
        fresh = N2VManipulate(
            N2VManipulateConfig(strategy=strategy, struct_mask=struct, masked_pixel_percentage=2, seed=1), device="cpu"
        )
        torch.testing.assert_close(fresh(batch)[0], masked, rtol=0, atol=0)


def test_a_script_runs_as_python_runs_it(tmp_path: Path) -> None:
    script, beside = tmp_path / "script.py", tmp_path / "beside.py"
    beside.write_text("VALUE = 3\n")
    script.write_text(
        "import sys\n"
        "from careamics.lightning.data import CareamicsDataModule\n"
        "import beside\n"
        "print(__name__, sys.argv[1:], beside.VALUE, CareamicsDataModule.setup.__module__)\n"
        "sys.exit(5)\n"
    )
    command = [sys.executable, "-m", "patchmill.careamics", "--status", script, "--flag", "a"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 5
    assert done.stdout.strip() == "__main__ ['--flag', 'a'] 3 patchmill.careamics.data_module"
    assert "is accelerated by patchmill" in done.stderr


def test_a_script_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "patchmill.careamics", tmp_path / "nothing.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "nothing.py" in done.stderr


def test_importing_patchmill_does_not_import_careamics() -> None:
    code = "import sys, patchmill, patchmill.careamics; print('careamics' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert careamics.__version__
