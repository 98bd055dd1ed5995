"""What a peer is given, and what is asked of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from works import NOISE_STD, PROBABILITY, Work

__all__ = ["SCALE", "Batches", "Peer", "Task", "draw_orientations"]

Batches = Iterable[Sequence[torch.Tensor]]

SCALE = 1 / (NOISE_STD + 1e-6)
"""What a pixel less the mean is multiplied by, for the peers whose users write the normalisation themselves."""


@dataclass(frozen=True)
class Task:
    """A work with its pixels.

    Parameters
    ----------
    work : Work
        The work.
    source : numpy.ndarray (S or Z, Y, X)
        What patches are cut from.
    target : numpy.ndarray, optional
        What their targets are cut from.
    """

    work: Work
    source: NDArray[Any]
    target: NDArray[Any] | None

    @classmethod
    def of(cls, work: Work) -> Task:
        """Make the pixels of a work."""
        return cls(work, work.source.make(), work.target.make() if work.target else None)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The source, and the target if there is one."""
        return {"source": self.source} | ({} if self.target is None else {"target": self.target})

    @property
    def is_3d(self) -> bool:
        """Whether a patch has a Z axis."""
        return len(self.work.patch_size) == 3


class Peer(ABC):
    """Something that makes batches, set up for a task.

    Parameters
    ----------
    task : Task
        What is to be made.
    n_workers : int
        How many workers make it, one of `workers`: processes, or threads, as the peer has it.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    """The distributions whose versions decide the figures, NumPy and torch aside."""

    works: ClassVar[frozenset[str]] = frozenset()
    """The works that it can do."""

    workers: ClassVar[tuple[int, ...]] = (0, 1, 2)
    """The numbers of workers that are tried."""

    setup: ClassVar[str] = ""
    """How it is set up, what its workers are, and where it does otherwise than it is asked to."""

    n_ahead: int = 0
    """How many batches it makes while nobody asks for any, of the epoch that is next."""

    @abstractmethod
    def __init__(self, task: Task, n_workers: int) -> None: ...

    @abstractmethod
    def epoch(self) -> Batches:
        """Return the batches of the next epoch; asking for the first one starts whatever an epoch starts."""

    def close(self) -> None:  # noqa: B027  # most have nothing that outlives them
        """End processes and threads."""


def draw_orientations(n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw flips of one axis and one to three quarter turns, for the peers whose users write that themselves.

    Parameters
    ----------
    n : int
        The number of patches.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    numpy.ndarray (n, 3)
        For each patch: whether to transpose it, and then whether to flip Y and X.
    """
    flip = np.array([[True, False], [False, True]])[rng.integers(2, size=n)] & (rng.random((n, 1)) < PROBABILITY)
    turns = rng.integers(1, 4, n) * (rng.random(n) < PROBABILITY)
    transpose = turns % 2 == 1
    # A quarter turn is a transposition after which Y is flipped, a half turn flips both, three quarters flip X.
    flipped = np.where(transpose[:, np.newaxis], flip[:, ::-1], flip)
    flipped[:, 0] ^= (turns == 1) | (turns == 2)
    flipped[:, 1] ^= (turns == 2) | (turns == 3)
    return np.column_stack([transpose, flipped])
