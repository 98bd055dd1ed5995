"""Images of custom files that a survey has read: held, so that they are read once, as long as all of them fit."""

from __future__ import annotations

from patchmill.sources import Image, Visit

__all__ = ["HeldImages"]


class HeldImages:
    """Images in groups, all of them or none.

    Parameters
    ----------
    n_bytes : float
        How much memory they may take together.
    """

    def __init__(self, n_bytes: float) -> None:
        self._n_bytes_left = n_bytes
        self._groups: dict[str, list[tuple[Image, ...]]] = {}

    def visit(self, group: str) -> Visit:
        """Return what `survey_files` hands the images of a group to, each with its target if there are targets."""
        rows = self._groups[group] = []

        def hold(*images: Image) -> None:
            self._n_bytes_left -= sum(image.nbytes for image in images if not image.is_mapped)
            rows.append(images)
            if self._n_bytes_left < 0:
                for held in self._groups.values():
                    held.clear()

        return hold

    def take(self, group: str) -> tuple[list[Image], list[Image]] | None:
        """Return the images of a group and their targets, and hold them no more; None if they are not held."""
        rows = self._groups.pop(group)
        if not rows:
            return None
        images, *targets = (list(column) for column in zip(*rows, strict=True))
        return images, targets[0] if targets else []
