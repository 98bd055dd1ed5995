from __future__ import annotations

import doctest
import math
import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from patchmill import samples
from patchmill.errors import ConfigError, ShapeError
from patchmill.samples import Sample, simulate_fluorescence

GAIN, OFFSET = 2.2, 100.0


@pytest.mark.parametrize("shape", [(8, 8), (64, 65), [33, 40], (1, 16, 24), (2, 16, 24), (9, 40, 31)])
def test_both_images_have_the_shape_asked_for(shape):
    sample = simulate_fluorescence(shape)
    assert sample.truth.shape == sample.noisy.shape == tuple(shape)
    assert sample.truth.dtype == np.float32
    assert sample.noisy.dtype == np.uint16
    assert sample.truth.flags.c_contiguous
    assert sample.noisy.flags.c_contiguous


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_scene():
    first, again, other = (simulate_fluorescence((48, 64), seed=seed) for seed in (3, 3, 4))
    assert first.truth.tobytes() == again.truth.tobytes()
    assert first.noisy.tobytes() == again.noisy.tobytes()
    assert not np.array_equal(first.truth, other.truth)


def test_the_global_random_state_is_neither_read_nor_written():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    sample = simulate_fluorescence((32, 32))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    assert np.array_equal(sample.noisy, simulate_fluorescence((32, 32)).noisy)


def test_the_noise_seed_changes_the_noise_and_leaves_the_scene():
    first, second = (simulate_fluorescence((48, 48), seed=1, noise_seed=seed) for seed in (1, 2))
    assert np.array_equal(first.truth, second.truth)
    assert not np.array_equal(first.noisy, second.noisy)
    assert np.array_equal(first.noisy, simulate_fluorescence((48, 48), seed=1).noisy)


def test_other_noise_settings_leave_the_scene():
    faint, bright = (simulate_fluorescence((48, 48), photons=photons, read_noise=photons) for photons in (10, 100))
    np.testing.assert_allclose((faint.truth - OFFSET) * 10, bright.truth - OFFSET, atol=0.05)


def test_the_brightest_pixel_expects_the_photons_asked_for():
    sample = simulate_fluorescence((96, 96), photons=40)
    assert float(sample.truth.max()) == pytest.approx(OFFSET + GAIN * 40)
    assert float(sample.truth.min()) > OFFSET


def test_the_noise_is_that_of_photons_and_read_out_around_the_truth():
    exposures = [simulate_fluorescence((64, 64), noise_seed=seed, photons=60, read_noise=2) for seed in range(64)]
    truth = exposures[0].truth.astype(np.float64)
    noise = np.stack([exposure.noisy for exposure in exposures]) - truth
    electrons = (truth - OFFSET) / GAIN
    variance = GAIN**2 * (electrons + 2**2) + 1 / 12  # Poisson, read noise, rounding to whole counts
    # Mean and variance over 64 * 64 * 64 draws: bounds of five standard errors.
    assert abs(np.mean(noise / np.sqrt(variance))) < 5 / 512
    assert abs(np.mean(noise**2 / variance) - 1) < 5 * math.sqrt(2.1) / 512
    bright = electrons > np.quantile(electrons, 0.9)
    assert np.mean(noise[:, bright] ** 2 / variance[bright]) == pytest.approx(1, abs=5 * math.sqrt(2.1 / 26000))


def test_the_noise_of_neighbours_is_independent():
    sample = simulate_fluorescence((256, 256))
    noise = (sample.noisy - sample.truth) / np.sqrt((sample.truth - OFFSET) / GAIN + 1.6**2)
    for shifted, kept in [(noise[1:], noise[:-1]), (noise[:, 1:], noise[:, :-1])]:
        assert abs(np.corrcoef(shifted.ravel(), kept.ravel())[0, 1]) < 5 / 256


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_default_image_is_noisy_and_smoothing_it_gains_much(seed):
    sample = simulate_fluorescence(seed=seed)
    assert 18 < sample.psnr(sample.noisy) < 22
    weights = np.exp(-0.5 * (np.arange(-4, 5) / 1.4) ** 2)
    smooth = sample.noisy.astype(np.float64)
    for axis in (0, 1):
        smooth = np.apply_along_axis(np.convolve, axis, smooth - OFFSET, weights / weights.sum(), "same") + OFFSET
    assert sample.psnr(smooth) > sample.psnr(sample.noisy) + 8


@pytest.mark.parametrize("shape", [(128, 128), (48, 64, 64)])
@pytest.mark.parametrize("psf_sigma", [1.0, 2.0])
def test_the_truth_holds_nothing_finer_than_the_point_spread_function(shape, psf_sigma):
    truth = simulate_fluorescence(shape, psf_sigma=psf_sigma).truth.astype(np.float64)
    taper = math.prod(np.ix_(*(np.hanning(n) for n in shape)))
    spectrum = np.abs(np.fft.fftn((truth - truth.mean()) * taper))
    frequency = 2 * np.pi * np.sqrt(sum(np.ix_(*(np.fft.fftfreq(n) ** 2 for n in shape))))
    # A Gaussian of that width leaves exp(-4.5) of what is finer than 3 / sigma radians per pixel.
    fine = frequency > 3 / psf_sigma
    assert spectrum[fine].max() < math.exp(-4.5) * spectrum.max()


def test_psnr_is_ten_times_the_logarithm_of_squared_range_by_squared_error():
    truth = np.array([[0, 100], [50, 25]], np.float32)
    sample = Sample(truth=truth, noisy=truth.astype(np.uint16))
    assert sample.psnr(truth + 10) == pytest.approx(20)
    assert sample.psnr([[0, 100], [50, 24]]) == pytest.approx(10 * math.log10(100**2 / (1 / 4)))
    assert sample.psnr(truth) == math.inf
    assert sample.psnr(np.full((2, 2), np.inf)) == -math.inf
    assert math.isnan(sample.psnr(np.full((2, 2), np.nan)))


def test_psnr_of_unsigned_integers_does_not_wrap_around():
    truth = np.array([[10, 250]], np.float32)
    sample = Sample(truth=truth, noisy=truth.astype(np.uint16))
    assert sample.psnr(np.array([[0, 255]], np.uint8)) == pytest.approx(10 * math.log10(240**2 / ((100 + 25) / 2)))


def test_psnr_refuses_an_image_of_another_shape():
    sample = simulate_fluorescence((16, 24))
    with pytest.raises(ShapeError, match=r"expected shape \(16, 24\), got \(1, 16, 24\)\. Pass the image in the axes"):
        sample.psnr(sample.noisy[None])


def test_a_sample_is_frozen():
    sample = simulate_fluorescence((8, 8))
    with pytest.raises(FrozenInstanceError):
        sample.truth = sample.noisy


@pytest.mark.parametrize("shape", [(), (64,), (7, 64), (64, 7), (0, 64, 64), (2, 3, 64, 64), (-8, -8)])
def test_a_shape_that_is_no_image_is_refused(shape):
    with pytest.raises(ShapeError, match=r"expected \(Y, X\) or \(Z, Y, X\) with Y and X of 8 pixels or more, got"):
        simulate_fluorescence(shape)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, r"seed: expected an integer from 0 to 2\*\*64 - 1, got -1"),
        ({"seed": 2**64}, "seed: expected an integer"),
        ({"seed": 1.5}, "seed: expected an integer .* got 1.5"),
        ({"noise_seed": -1}, "noise_seed: expected an integer"),
        ({"photons": 0}, "photons: expected a number from 0.01 to 29743.2, got 0"),
        ({"photons": 30000}, "photons: expected a number from 0.01 to 29743.2, got 30000"),
        ({"photons": math.nan}, "photons: expected a number .* got nan"),
        ({"read_noise": -1}, "read_noise: expected a number from 0 to 1000, got -1"),
        ({"psf_sigma": 0}, "psf_sigma: expected a number from 0.5 to 20, got 0"),
    ],
)
def test_an_option_outside_its_range_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        simulate_fluorescence((16, 16), **options)


def test_the_largest_seeds_and_photons_work():
    sample = simulate_fluorescence((16, 16), seed=2**64 - 1, photons=29000, read_noise=0)
    assert int(sample.noisy.max()) <= 65535
    assert sample.psnr(sample.noisy) > 30


def test_simulating_needs_numpy_alone():
    code = (
        "import sys, patchmill.samples as s; s.simulate_fluorescence((16, 16)); "
        "print([m for m in ('torch', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_examples_of_the_docstrings_are_true():
    assert doctest.testmod(samples) == (0, 3)
