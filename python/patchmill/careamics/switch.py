"""The switch: replaces what feeds CAREamics, and puts it back."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from patchmill.careamics.fallback import FALLBACKS
from patchmill.careamics.replacement import Replacement
from patchmill.careamics.versions import check_careamics
from patchmill.errors import ConfigError

__all__ = ["Status", "accelerate", "accelerated", "deaccelerate", "status"]


@dataclass
class _Switch:
    """What is replaced now.

    Parameters
    ----------
    faithful : bool or None
        How it was switched on; None if it is off.
    replaced : list of (Replacement, object)
        What was replaced, in this order, and what was there before.
    """

    faithful: bool | None
    replaced: list[tuple[Replacement, Any]]


_SWITCH = _Switch(None, [])
_ABSENT = object()
"""What was there before if a class only inherits an attribute."""


@dataclass(frozen=True)
class Status:
    """What patchmill does in CAREamics now. Printed, it is a few lines of text.

    Parameters
    ----------
    version : str
        CAREamics' version.
    is_accelerated : bool
        Whether anything is replaced.
    faithful : bool
        Whether the draws are CAREamics' own.
    replaced : tuple of str
        What is replaced.
    fell_back : tuple of str
        What was left to CAREamics' own code since `accelerate`, and why.
    """

    version: str
    is_accelerated: bool
    faithful: bool
    replaced: tuple[str, ...]
    fell_back: tuple[str, ...]

    def __str__(self) -> str:
        if not self.is_accelerated:
            return f"CAREamics {self.version} is not accelerated"
        lines = [f"CAREamics {self.version} is accelerated by patchmill{', faithfully' if self.faithful else ''}"]
        lines += [f"  replaced: {what}" for what in self.replaced]
        lines += [f"  left to CAREamics: {what}" for what in self.fell_back]
        return "\n".join(lines)


def accelerate(*, faithful: bool = False) -> None:
    """Let patchmill feed CAREamics' training, validation and prediction from now on, in this process.

    Scripts, configurations and checkpoints remain what they are. What patchmill cannot do, CAREamics' own code does, as
    before: `status` tells what, and why. Nothing is printed. Called twice, it does what the second call says.

    Parameters
    ----------
    faithful : bool, default=False
        Whether everything that is drawn at random, and the statistics, are CAREamics' own, those of
        ``num_workers=0``: then the batches are the same up to float rounding. By default, draws are independent of each
        other, all eight orientations occur, and statistics are those of whole images.

    Raises
    ------
    MissingPackageError
        If CAREamics is not installed.
    ConfigError
        If it is not a version 0.3.x. Nothing is changed then.

    See Also
    --------
    deaccelerate, accelerated, status
    """
    check_careamics()
    deaccelerate()
    for replacement in _replacements(faithful=faithful):
        _replace(replacement)
    _SWITCH.faithful = faithful
    FALLBACKS.clear()


def deaccelerate() -> None:
    """Put back all that `accelerate` has replaced. Data modules that were set up keep what they have."""
    while _SWITCH.replaced:
        replacement, old = _SWITCH.replaced.pop()
        if old is _ABSENT:
            delattr(replacement.owner, replacement.name)
        else:
            setattr(replacement.owner, replacement.name, old)
        if isinstance(replacement.owner, ModuleType):
            _forget(replacement.new, old)
    _SWITCH.faithful = None


@contextmanager
def accelerated(*, faithful: bool = False) -> Iterator[None]:
    """Accelerate CAREamics within a ``with`` block, and leave it as it was before.

    Parameters
    ----------
    faithful : bool, default=False
        As for `accelerate`.
    """
    before = _SWITCH.faithful
    accelerate(faithful=faithful)
    try:
        yield
    finally:
        deaccelerate()
        if before is not None:
            accelerate(faithful=before)


def status() -> Status:
    """Tell what is replaced in CAREamics, and what fell back to its own code.

    Returns
    -------
    Status
        To be printed, or looked into.

    Raises
    ------
    MissingPackageError, ConfigError
        As for `accelerate`.
    """
    return Status(
        version=check_careamics(),
        is_accelerated=_SWITCH.faithful is not None,
        faithful=bool(_SWITCH.faithful),
        replaced=tuple(dict.fromkeys(replacement.what for replacement, _ in _SWITCH.replaced)),
        fell_back=tuple(FALLBACKS.reasons),
    )


def _replacements(*, faithful: bool) -> Sequence[Replacement]:
    # CAREamics is only imported when it is to be replaced.
    from patchmill.careamics import data_module, n2v_manipulate, network, prediction

    found = data_module.replacements(faithful=faithful) + prediction.replacements()
    if not faithful:
        found += n2v_manipulate.replacements() + network.replacements()
    return found


def _replace(replacement: Replacement) -> None:
    owner, name = replacement.owner, replacement.name
    if not hasattr(owner, name):
        deaccelerate()
        msg = f"careamics: expected {owner.__name__}.{name}, as versions 0.3.0 to 0.3.5 have it, got none."
        raise ConfigError(msg)
    old = vars(owner).get(name, _ABSENT)
    setattr(owner, name, replacement.new)
    _SWITCH.replaced.append((replacement, old))


def _forget(new: Any, old: Any) -> None:
    """Put back a function in modules of CAREamics that were imported, and took it, while it was replaced."""
    # Copies: another thread may be importing, or what is collected as garbage.
    for path, module in sys.modules.copy().items():
        if path.partition(".")[0] == "careamics":
            for name, value in vars(module).copy().items():
                if value is new:
                    setattr(module, name, old)
