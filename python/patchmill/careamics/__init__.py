"""One line that makes CAREamics 0.3.x fast: patchmill feeds it, and everything else remains as it is.

::

    import patchmill.careamics
    patchmill.careamics.accelerate()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from patchmill.careamics.switch import Status, accelerate, accelerated, deaccelerate, status

if TYPE_CHECKING:
    from patchmill.careamics.data_module import CareamicsDataModule

__all__ = ["CareamicsDataModule", "Status", "accelerate", "accelerated", "deaccelerate", "status"]


def __getattr__(name: str) -> Any:
    """Import what needs CAREamics when it is asked for."""
    if name != "CareamicsDataModule":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from patchmill.careamics.versions import check_careamics

    check_careamics()
    from patchmill.careamics.data_module import CareamicsDataModule

    return CareamicsDataModule
