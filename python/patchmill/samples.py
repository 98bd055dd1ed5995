"""Simulated fluorescence micrographs whose clean truth is known.

A scene of cells (filaments, vesicles, nuclei, haze) is blurred by the microscope and recorded by an sCMOS camera. What
the camera would record without noise is the truth, so that what a denoiser gains can be measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from patchmill.errors import ConfigError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["Sample", "simulate_fluorescence"]

# The camera: figures that are typical of a scientific CMOS camera.
OFFSET = 100.0  # counts that it adds, so that read noise does not fall below zero
GAIN = 2.2  # counts per photo-electron
LAST_COUNT = 65535

SMALLEST = 8  # pixels in Y and X
CELL_PITCH = 205.0  # pixels from one cell to the next
NUCLEUS_RADIUS = 33.0  # pixels


class Stream(IntEnum):
    """What a random stream is for: each has its own, so that one can change and the others stay."""

    SCENE = 0
    SHOT_NOISE = 1
    READ_NOISE = 2


@dataclass(frozen=True, eq=False)
class Sample:
    """A noisy image and what it would be without noise.

    Attributes
    ----------
    truth : ndarray of float32
        What the camera would record without noise, in counts: the expectation of `noisy`.
    noisy : ndarray of uint16
        What the camera records, in counts. The noise of each pixel is independent of all others.
    """

    truth: NDArray[np.float32]
    noisy: NDArray[np.uint16]

    def psnr(self, image: ArrayLike) -> float:
        """Compute the peak signal-to-noise ratio of an image against the truth.

        Parameters
        ----------
        image : array_like
            An image on the scale of `noisy`, in the shape of `truth`, of any real dtype.

        Returns
        -------
        float
            Decibels, with the range of the truth (maximum - minimum) as the peak, computed in float64; infinity for
            the truth itself.

        Raises
        ------
        ShapeError
            If the image has another shape than the truth.
        """
        pixels = np.asarray(image)
        if pixels.shape != self.truth.shape:
            msg = (
                f"image to compare with the truth: expected shape {self.truth.shape}, got {pixels.shape}. "
                "Pass the image in the axes of the sample."
            )
            raise ShapeError(msg)
        truth = self.truth.astype(np.float64)
        error = float(np.mean(np.square(pixels.astype(np.float64) - truth)))
        peak = float(np.ptp(truth))
        return 20 * math.log10(peak) - 10 * math.log10(error) if error else math.inf


def simulate_fluorescence(
    shape: Sequence[int] = (512, 512),
    *,
    seed: int = 0,
    noise_seed: int | None = None,
    photons: float = 25.0,
    read_noise: float = 1.6,
    psf_sigma: float = 1.8,
) -> Sample:
    """Simulate a fluorescence micrograph of cells, and the noise that an sCMOS camera adds to it.

    The scene holds filaments that grow out of each cell's centre, vesicles, textured nuclei, the haze of what is out
    of focus, and an uneven background. A Gaussian stands for the point spread function [1]_. The camera counts
    photo-electrons (Poisson) and adds read noise (Gaussian) [2]_, multiplies by 2.2 counts per electron, adds an offset
    of 100 counts and rounds to 16 bits.

    Parameters
    ----------
    shape : sequence of int, default=(512, 512)
        (Y, X) for one image, (Z, Y, X) for a volume. Y and X are at least 8. The planes of a volume are as far apart
        as makes its point spread function as long in Z as it is wide in Y and X, counted in pixels.
    seed : int, default=0
        Decides the scene, 0 or greater and below 2**64.
    noise_seed : int, optional
        Decides the noise, by default as `seed`. Other values give other exposures of the same scene, as Noise2Noise
        needs them.
    photons : float, default=25.0
        Photo-electrons that are expected in the brightest pixel. Fewer make a noisier image.
    read_noise : float, default=1.6
        Standard deviation of the read noise, in electrons.
    psf_sigma : float, default=1.8
        Standard deviation of the point spread function, in pixels.

    Returns
    -------
    Sample
        The truth (float32) and the noisy image (uint16), both in counts and in the given shape.

    Raises
    ------
    ShapeError
        If the shape is not (Y, X) or (Z, Y, X), or too small.
    ConfigError
        If another argument is outside its range, or if the brightest pixel would saturate the camera.

    Notes
    -----
    The same arguments give the same bytes for any number of threads and on any machine, as far as NumPy keeps the
    streams of `numpy.random.Generator`, which it may change in a new release. The draws come from Philox, keyed by the
    seed and by what they are for. Expected electrons are rounded to 1/1024, so that differences in the last bit of a
    sine or an exponential, which do occur between processors, do not reach the noise.

    References
    ----------
    .. [1] B. Zhang, J. Zerubia, J.-C. Olivo-Marin, "Gaussian approximations of fluorescence microscope point-spread
       function models", Applied Optics 46, 1819-1829 (2007).
    .. [2] A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting
       for single-image raw-data", IEEE Transactions on Image Processing 17, 1737-1754 (2008).

    Examples
    --------
    >>> from patchmill.samples import simulate_fluorescence
    >>> sample = simulate_fluorescence((64, 64), seed=1)
    >>> sample.noisy.dtype, sample.noisy.shape
    (dtype('uint16'), (64, 64))
    """
    size = _check_shape(shape)
    noise_seed = seed if noise_seed is None else noise_seed
    _check_seed("seed", seed)
    _check_seed("noise_seed", noise_seed)
    _check_range("photons", photons, least=0.01, most=(LAST_COUNT - OFFSET) / GAIN)
    _check_range("read_noise", read_noise, least=0.0, most=1000.0)
    _check_range("psf_sigma", psf_sigma, least=0.5, most=20.0)

    scene = Scene(_generator(seed, Stream.SCENE), size, psf_sigma).expose()
    electrons = np.rint(scene * (photons / scene.max() * 1024)).reshape(tuple(shape)) / 1024
    counted = _generator(noise_seed, Stream.SHOT_NOISE).poisson(electrons)
    read = read_noise * _generator(noise_seed, Stream.READ_NOISE).standard_normal(electrons.shape)
    noisy = np.rint(OFFSET + GAIN * (counted + read)).clip(0, LAST_COUNT)
    return Sample(truth=(OFFSET + GAIN * electrons).astype(np.float32), noisy=noisy.astype(np.uint16))


class Scene:
    """The light that falls onto the camera, drawn on a canvas that the blur then trims to the field of view.

    Brightness is counted such that a single filament peaks at about 1, whatever the point spread function.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides everything.
    size : tuple of int
        (Z, Y, X); Z is 1 for an image.
    psf_sigma : float
        Standard deviation of the point spread function, in pixels, along each axis that is longer than 1.
    """

    def __init__(self, rng: np.random.Generator, size: tuple[int, int, int], psf_sigma: float) -> None:
        self.rng = rng
        self.size = size
        self.psf = _gaussian(psf_sigma)
        self.blurred_axes = [axis for axis in range(3) if size[axis] > 1]
        self.margin = [len(self.psf) // 2 if axis in self.blurred_axes else 0 for axis in range(3)]
        self.canvas = np.zeros([n + 2 * m for n, m in zip(size, self.margin, strict=True)])
        lines = [np.arange(n, dtype=np.float64) - m for n, m in zip(self.canvas.shape, self.margin, strict=True)]
        self.grid = (lines[0][:, None, None], lines[1][:, None], lines[2])

    def expose(self) -> Floats:
        """Draw everything and blur it: (Z, Y, X), above zero."""
        self._add_background()
        chromatin = self._texture(2.5)
        points, weights = [], []
        for centre in self._cell_centres():
            self._add_haze(centre)
            radii = np.array([max(1.0, 0.4 * self.size[0]), *(NUCLEUS_RADIUS * self.rng.uniform(0.75, 1.2, 2))])
            self._add_nucleus(centre, radii, chromatin)
            for positions, brightness in (self._filaments(centre, radii), self._vesicles(centre)):
                points.append(positions)
                weights.append(brightness)
        self._splat(np.concatenate(points), np.concatenate(weights))
        return _blur(self.canvas, self.psf, self.blurred_axes)

    def _cell_centres(self) -> Floats:
        """Draw the points of a jittered grid, one per cell: (cells, 3)."""
        _, height, width = self.size
        rows, columns = (max(1, round(length / CELL_PITCH)) for length in (height, width))
        grid = np.stack(np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij"), axis=-1).reshape(-1, 2)
        jittered = (grid + self.rng.uniform(0.25, 0.75, grid.shape)) * (height / rows, width / columns)
        return np.column_stack([np.full(len(grid), (self.size[0] - 1) / 2), jittered])

    def _texture(self, sigma: float) -> Floats:
        """Draw smooth noise of mean 0 and standard deviation 1, in the shape of the canvas."""
        kernel = _gaussian(sigma)
        pad = [len(kernel) - 1 if axis in self.blurred_axes else 0 for axis in range(3)]
        noise = self.rng.standard_normal([n + p for n, p in zip(self.canvas.shape, pad, strict=True)])
        deviation = float(np.square(kernel).sum()) ** (len(self.blurred_axes) / 2)
        return _blur(noise / deviation, kernel, self.blurred_axes)

    def _add_background(self) -> None:
        """Add autofluorescence under uneven illumination: a constant and two slow waves."""
        _, y, x = self.grid
        self.canvas += 0.10
        for _ in range(2):
            ky, kx = self.rng.uniform(-1, 1, 2) * 2 * np.pi / max(self.size)
            self.canvas += 0.025 * np.sin(ky * y + kx * x + self.rng.uniform(0, 2 * np.pi))

    def _add_haze(self, centre: Floats) -> None:
        """Add the light of what is out of focus: a broad Gaussian around the cell."""
        widths = [max(4.0, self.size[0] / 3), *self.rng.uniform(45, 75, 2)]
        z, y, x = (np.exp(-0.5 * ((line - c) / w) ** 2) for line, c, w in zip(self.grid, centre, widths, strict=True))
        self.canvas += 0.25 * z * y * x

    def _add_nucleus(self, centre: Floats, radii: Floats, chromatin: Floats) -> None:
        """Add an ellipsoid with a soft edge and a textured inside."""
        window = tuple(
            slice(max(0, int(c - 1.5 * r) + m), max(0, int(c + 1.5 * r) + m + 1))
            for c, r, m in zip(centre, radii, self.margin, strict=True)
        )
        z, y, x = ((line - c) / r for line, c, r in zip(self.grid, centre, radii, strict=True))
        distance = np.sqrt(z**2 + y**2 + x**2)[window]
        inside = 1 / (1 + np.exp((distance - 1) * 18))
        self.canvas[window] += inside * (0.6 + 0.2 * chromatin[window]).clip(0.1)

    def _filaments(self, centre: Floats, radii: Floats, number: int = 60, steps: int = 260) -> tuple[Floats, Floats]:
        """Draw smooth curves that grow out of a point beside the nucleus: points one pixel apart, weights."""
        rng = self.rng
        step = np.arange(steps)
        heading = rng.uniform(0, 2 * np.pi, (number, 1)) + np.zeros(steps)
        for _ in range(3):  # three waves of random length bend each curve
            phase = step * 2 * np.pi / rng.uniform(90, 400, (number, 1)) + rng.uniform(0, 2 * np.pi, (number, 1))
            heading += rng.normal(0, 0.35, (number, 1)) * np.sin(phase)
        depth = np.sin(step / rng.uniform(30, 90, (number, 1)) + rng.uniform(0, 2 * np.pi, (number, 1)))
        points = np.stack([np.zeros_like(heading), np.sin(heading), np.cos(heading)], axis=-1)
        points[:, 0] *= rng.uniform(1, 10, (number, 1))  # they begin around the point, not all in it
        points = points.cumsum(axis=1)
        points[..., 0] = 0.4 * (self.size[0] - 1) * depth
        angle = rng.uniform(0, 2 * np.pi)
        points += centre + 1.1 * NUCLEUS_RADIUS * np.array([0, np.sin(angle), np.cos(angle)])
        length = rng.uniform(50, steps, (number, 1))
        weights = rng.uniform(0.5, 1.0, (number, 1)) * np.minimum(step / 40, 1) * np.clip((length - step) / 10, 0, 1)
        # Where they pass over or under the nucleus they are out of focus.
        beside = np.square((points - centre) / radii)[..., 1:].sum(axis=-1)
        weights *= 0.25 + 0.75 / (1 + np.exp((1 - beside) * 9))
        across = len(self.blurred_axes) - 1
        return points.reshape(-1, 3), weights.reshape(-1) / float(self.psf.max()) ** across

    def _vesicles(self, centre: Floats, number: int = 60) -> tuple[Floats, Floats]:
        """Draw points of various brightness, the denser the nearer to the nucleus: points, weights."""
        rng = self.rng
        distance = NUCLEUS_RADIUS + rng.exponential(38, number)
        angle = rng.uniform(0, 2 * np.pi, number)
        depth = rng.uniform(-0.4, 0.4, number) * (self.size[0] - 1)
        points = centre + np.column_stack([depth, distance * np.sin(angle), distance * np.cos(angle)])
        weights = rng.lognormal(-0.2, 0.5, number).clip(0.2, 1.8)
        return points, weights / float(self.psf.max()) ** len(self.blurred_axes)

    def _splat(self, points: Floats, weights: Floats) -> None:
        """Add weights at points (N, 3) of the field of view, shared out linearly between the nearest pixels."""
        shape = np.array(self.canvas.shape)
        points = points + self.margin
        keep = (weights > 0) & ((points >= 0) & (points <= shape - 1)).all(axis=1)
        points, weights = points[keep], weights[keep]
        corner = np.minimum(points.astype(np.intp), np.maximum(shape - 2, 0))
        fraction = points - corner
        corners = list(np.ndindex(*np.minimum(shape, 2)))
        shares = [weights * np.where(offset, fraction, 1 - fraction).prod(axis=1) for offset in corners]
        pixels = [np.ravel_multi_index(tuple((corner + offset).T), self.canvas.shape) for offset in corners]
        drawn = np.bincount(np.concatenate(pixels), np.concatenate(shares), self.canvas.size)
        self.canvas += drawn.reshape(self.canvas.shape)


def _gaussian(sigma: float) -> Floats:
    """Sample a Gaussian out to four standard deviations, with a sum of 1."""
    reach = math.ceil(4 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum())


def _blur(image: Floats, kernel: Floats, axes: Sequence[int]) -> Floats:
    """Convolve along each of the axes, which become shorter by `len(kernel) - 1`."""
    for axis in axes:
        length = image.shape[axis] - len(kernel) + 1
        blurred = np.zeros([length if a == axis else n for a, n in enumerate(image.shape)])
        for start, weight in enumerate(kernel):
            window = (slice(None),) * axis + (slice(start, start + length),)
            blurred += weight * image[window]
        image = blurred
    return image


def _generator(seed: int, stream: Stream) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed, stream], dtype=np.uint64)))


def _check_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return the shape as (Z, Y, X)."""
    size = tuple(shape)
    if len(size) not in (2, 3) or min(size[-2:]) < SMALLEST or min(size) < 1:
        msg = (
            f"shape of the sample: expected (Y, X) or (Z, Y, X) with Y and X of {SMALLEST} pixels or more, got {size}. "
            "Ask for a larger image."
        )
        raise ShapeError(msg)
    depth = size[0] if len(size) == 3 else 1
    return depth, size[-2], size[-1]


def _check_seed(name: str, seed: int) -> None:
    if not (isinstance(seed, int | np.integer) and 0 <= seed < 2**64):
        msg = f"{name}: expected an integer from 0 to 2**64 - 1, got {seed!r}. Choose another one."
        raise ConfigError(msg)


def _check_range(name: str, number: float, *, least: float, most: float) -> None:
    if not least <= number <= most:
        msg = f"{name}: expected a number from {least:g} to {most:g}, got {number}. Choose another one."
        raise ConfigError(msg)
