"""Too little memory is an error that says what fits."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from patchmill.config import Configuration
from patchmill.errors import OutOfMemoryError
from patchmill.training import Trainer


@pytest.mark.parametrize(
    ("n_pixels", "advice"),
    [
        (2 * 256, "A batch_size of 2 fits, with accumulate_grad_batches=2 for the same steps."),
        (256, "A batch_size of 1 fits, with accumulate_grad_batches=4 for the same steps."),
        (100, r"A batch_size of 1 with a patch_size of \[8, 8\] fits."),
        (9, "No smaller batch fits. Use a smaller network"),
    ],
)
@pytest.mark.parametrize("kind", ["accelerator", "cpu"])
def test_the_error_proposes_what_fits_and_leaves_the_network_alone(
    n2v_config: Callable[..., Configuration],
    n2v_data: Callable[..., Any],
    tmp_path: Path,
    n_pixels: int,
    advice: str,
    kind: str,
) -> None:
    config = n2v_config()
    trainer = Trainer(config, work_dir=tmp_path, device="cpu", progress=False)

    def fail_if_large(_module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        if math.prod(inputs[0].shape) > n_pixels:
            if kind == "cpu":
                msg = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes."
                raise RuntimeError(msg)
            raise torch.OutOfMemoryError

    trainer.model.register_forward_pre_hook(fail_if_large)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    with pytest.raises(
        OutOfMemoryError, match=rf"Batch: expected 4 patches of \[16, 16\] pixels to fit .*'cpu'.* {advice}"
    ):
        trainer.fit(n2v_data(config))
    assert all(torch.equal(value, before[name]) for name, value in trainer.model.state_dict().items())
    assert all(parameter.grad is None for parameter in trainer.model.parameters())


def test_other_errors_of_torch_go_up_unchanged(
    n2v_config: Callable[..., Configuration], n2v_data: Callable[..., Any], tmp_path: Path
) -> None:
    trainer = Trainer(n2v_config(), work_dir=tmp_path, device="cpu", progress=False)

    def fail(_module: torch.nn.Module, _inputs: object) -> None:
        msg = "something else"
        raise RuntimeError(msg)

    trainer.model.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="something else"):
        trainer.fit(n2v_data(n2v_config()))
