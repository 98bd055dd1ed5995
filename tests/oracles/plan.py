"""Plans of every kind, filtered or not, whole or split: which region an item is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.oracles.random_regions import random_region, samples_of_items
from tests.oracles.sequential import ImageSize, Region, Size, sequential_regions
from tests.oracles.split import split
from tests.oracles.stratified import stratified_region

KINDS = ["sequential", "stratified", "random", "fixed_random"]


@dataclass
class Plan:
    """A plan. `kept` are the cells of the sequential grid that a filter keeps; all of them if None."""

    kind: str
    images: list[ImageSize]
    patch: Size
    kept: list[Region] | None = None
    left: list[Region] | None = None
    """Of a part of a split plan, the cells that it has left."""
    validation: list[Region] | None = None
    """Of the training part of a split plan, the regions kept for validation."""

    @property
    def cells(self) -> list[Region]:
        """The cells that the filter and the split have left."""
        whole = sequential_regions(self.images, self.patch) if self.kept is None else self.kept
        return whole if self.left is None else self.left

    def __len__(self) -> int:
        if self.kind in ("sequential", "stratified"):
            return len(self.cells)
        return len(samples_of_items(self.images, self.patch, self.kept, self.left))

    def region(self, item: int, *, epoch: int, seed: int) -> Region:
        """Return the region of an item."""
        if self.kind == "sequential":
            return self.cells[item]
        drawn = {"seed": seed, "epoch": epoch, "item": item}
        if self.kind == "stratified":
            return stratified_region(self.images, self.patch, cells=self.cells, validation=self.validation, **drawn)
        if self.kind == "fixed_random":
            drawn["epoch"] = 0
        return random_region(
            self.images, self.patch, kept=self.kept, validation=self.validation, spares=self.left, **drawn
        )

    def split(self, *, percentage: float, minimum: int, seed: int) -> tuple[Plan, Plan, int, bool]:
        """Return the training plan, the validation plan, how many items are in neither, and if `minimum` was lowered.

        Random items are in training all the same, drawn again, unless nothing is free in their sample.
        """
        parts = split(self.images, self.patch, percentage=percentage, minimum=minimum, seed=seed, kept=self.cells)
        training = replace(self, left=parts.training, validation=parts.validation)
        validation = Plan("sequential", self.images, self.patch, left=parts.validation)
        n_dropped = parts.n_dropped if self.kind in ("sequential", "stratified") else len(self) - len(training)
        return training, validation, n_dropped, parts.is_lowered
