"""What is left to CAREamics' own code, and why."""

from __future__ import annotations

from patchmill.errors import PatchmillError

__all__ = ["FALLBACKS", "CannotAccelerateError", "Fallbacks"]


class CannotAccelerateError(PatchmillError):
    """Something that patchmill leaves to CAREamics' own code. It never reaches a user."""


class Fallbacks:
    """What was left to CAREamics' own code since the last `clear`, each reason once.

    Attributes
    ----------
    reasons : list of str
        What was left, and why, oldest first.
    """

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def note(self, what: str, reason: object) -> None:
        """Note that something was left to CAREamics, and why."""
        text = f"{what}: {reason}"
        if text not in self.reasons:
            self.reasons.append(text)

    def clear(self) -> None:
        """Forget them."""
        self.reasons.clear()


FALLBACKS = Fallbacks()
"""Those of this process."""
