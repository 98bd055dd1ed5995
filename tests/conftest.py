"""How the tests run: few examples, always the same, unless `HYPOTHESIS_PROFILE=slow` asks for many new ones."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

settings.register_profile("default", max_examples=30, derandomize=True, deadline=None, database=None)
settings.register_profile("slow", max_examples=1500, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs the tests in the background has told them to ignore it, and some of them send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def _torch_threads() -> Iterator[None]:
    """Work on tensors as small as those of the tests goes faster without sharing it."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)
