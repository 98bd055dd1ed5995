"""In the place of pooch: what the guides of CAREamics download is a simulated image here."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile


def retrieve(url: str, known_hash: str | None = None, path: str | Path = "data", **_: Any) -> str:
    """Write an image below ``path``, always the same for the same URL, and return where: a stack if it is a big one."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(url.encode()).digest()[:8]))
    shape = (5, 256, 256) if "noisy" in url else (256, 256)
    file = Path(path) / f"{hashlib.sha256(url.encode()).hexdigest()[:8]}.tiff"
    file.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(file, rng.poisson(100, shape).astype(np.uint16), photometric="minisblack")
    return str(file)
