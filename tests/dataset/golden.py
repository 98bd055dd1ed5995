"""Epochs that are known to the byte: images made by arithmetic alone, and the SHA-256 of their first two epochs.

The pixels and the statistics depend on no library, so that a digest changes only if the meaning of a seed does, or the
arithmetic of a pixel. Then it is the change that is wrong, or it is wanted: a wanted one has an entry in
docs/correctness.md (and CHANGELOG.md says so), before the digest here is replaced by the one that the test has found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchmill.config import DataConfig
from patchmill.dataset import InMemoryDataset
from tests.dataset.milling import Batch, data_config, oracle
from tests.oracles.item import Dataset, Masking

UNIFORM = Masking("uniform", 11, 0.2)
MEDIAN = Masking("median", 5, 0.4)


def pixels(shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Fill an array with the words of SplitMix64: integers from the whole range, floats that are exact fractions."""
    words = np.arange(1, prod(shape) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ words >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ words >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    kind = np.dtype(dtype)
    if kind.kind == "f":
        n_bits = {2: 11, 4: 24, 8: 53}[kind.itemsize]
        numbers = (words >> np.uint64(64 - n_bits)).astype(np.float64) / 2.0 ** (n_bits - 5) - 16
    else:
        # Of eight bytes only 53 bits: larger magnitudes are refused.
        numbers = words >> np.uint64(64 - min(8 * kind.itemsize, 53))
        if kind.kind == "i" and kind.itemsize < 8:
            numbers = numbers.astype(np.int64) - 2 ** (8 * kind.itemsize - 1)
    return numbers.astype(kind).reshape(shape)


@dataclass
class Known:
    """What an epoch is made of: one image, and a target if `has_target`; `settings` are those of the configuration."""

    axes: str
    shape: tuple[int, ...]
    settings: dict[str, Any]
    dtype: str = "<u2"
    has_target: bool = False
    is_validation: bool = False

    def dataset(self) -> InMemoryDataset:
        """Make the dataset."""
        whole = InMemoryDataset(self._config(), self._image(), self._target())
        return whole.split_dataset(SHARE) if self.is_validation else whole

    def oracle(self) -> Dataset:
        """Make the oracle of the dataset."""
        target = self._target()
        targets = None if target is None else [target]
        part = "validation" if self.is_validation else None
        return oracle(self._config(), [self._image()], targets, part=part, percentage=SHARE)

    def _config(self) -> DataConfig:
        n_channels = self.shape[self.axes.index("C")] if "C" in self.axes else 1
        means, stds = (FLOAT_MEANS, FLOAT_STDS) if "f" in self.dtype else (MEANS, STDS)
        given = {"image_means": means[:n_channels], "image_stds": stds[:n_channels]}
        if self.has_target:
            given |= {"target_means": FLOAT_MEANS, "target_stds": FLOAT_STDS}
        return data_config(self.axes, **given, **self.settings)

    def _image(self) -> NDArray[Any]:
        return pixels(self.shape, self.dtype)

    def _target(self) -> NDArray[Any] | None:
        return pixels(self.shape, "<f4")[..., ::-1] if self.has_target else None


MEANS = [31000.5, 29876.25, 33000.125]
STDS = [18500.75, 17321.5, 19000.0]
FLOAT_MEANS, FLOAT_STDS = [0.125], [9.2]
SHARE = 0.4
"""The share of the patches that is kept for validation."""

PLANE, VOLUME = (3, 190, 170), (20, 100, 90)

KNOWN = {
    "2D": Known("TYX", PLANE, {"patch_size": [64, 64]}),
    "2D, oblong": Known("TYX", PLANE, {"patch_size": [37, 90]}),
    "2D, odd": Known("TYX", PLANE, {"patch_size": [33, 33]}),
    "3D": Known("ZYX", VOLUME, {"patch_size": [16, 48, 48]}),
    "paired": Known("TYX", PLANE, {"patch_size": [64, 64]}, has_target=True),
    "paired, 3D": Known("ZYX", VOLUME, {"patch_size": [8, 48, 48]}, has_target=True),
    "uniform": Known("TYX", PLANE, {"patch_size": [64, 64], "masking": UNIFORM}),
    "uniform, 3D": Known("ZYX", VOLUME, {"patch_size": [16, 48, 48], "masking": UNIFORM}),
    "median": Known("TYX", PLANE, {"patch_size": [64, 64], "masking": MEDIAN}),
    "median, 3D": Known("ZYX", VOLUME, {"patch_size": [8, 32, 32], "masking": MEDIAN}),
    "random": Known("TYX", PLANE, {"patch_size": [64, 64], "masking": UNIFORM, "patching": "random"}),
    "random, 3D": Known("ZYX", VOLUME, {"patch_size": [16, 32, 32], "patching": "random"}),
    "fixed random": Known("TYX", PLANE, {"patch_size": [64, 64], "patching": "fixed_random"}),
    "stratified": Known("TYX", PLANE, {"patch_size": [64, 64], "patching": "stratified"}),
    "stratified, 3D": Known("ZYX", VOLUME, {"patch_size": [16, 48, 48], "patching": "stratified"}),
    "lines": Known("TYX", PLANE, {"patch_size": [64, 64], "masking": Masking("uniform", 11, 0.2, "horizontal", 7)}),
    "crosses": Known("TCYX", (2, 2, 130, 140), {"patch_size": [64, 64], "masking": Masking("median", 5, 0.4, "cross")}),
    "squares, 3D": Known(
        "ZYX", VOLUME, {"patch_size": [8, 32, 32], "masking": Masking("uniform", 5, 0.4, "square", 3)}
    ),
    "channels": Known("TCYX", (2, 3, 130, 140), {"patch_size": [64, 64], "masking": UNIFORM}),
    "channels last": Known("YXC", (190, 170, 3), {"patch_size": [48, 48]}),
    "columns": Known("XY", (190, 170), {"patch_size": [48, 48]}),
    "validation": Known("TYX", PLANE, {"patch_size": [64, 64], "masking": UNIFORM}, is_validation=True),
    **{
        dtype: Known("TYX", (2, 140, 150), {"patch_size": [48, 48]}, dtype=dtype)
        for dtype in ("|u1", "|i1", ">u2", "<i2", "<u4", ">i4", "<u8", ">i8", "<f2", "<f4", ">f4", "<f8", ">f8")
    },
}
"""What is known, by name."""

DIGESTS: dict[str, tuple[str, str]] = {
    "2D": (
        "0cc7d43782d85b527132bff31ec07d0bdc92d041b9048408c4dfe81fe70a5199",
        "5d4ce0b3b262385133472e934641f9b9ce69a3ace333666e8bb25f8714739b91",
    ),
    "2D, oblong": (
        "3a0457c56b14f1c51b5bfb707828b0e28e77c9bcb7c176252a1d94737615b463",
        "d311e0e588d04e0c7ec63d29402dcbf5fe8f3604f33162282beee876a6eaa35c",
    ),
    "2D, odd": (
        "8d5c099101666e7b99095f831d62ecc2b282a4cb45f1f27356e3a6ebfdcec8ae",
        "ad1a456df37537d8dc327f77049af206c95eaa2cd0884e873749b458dd0429ab",
    ),
    "3D": (
        "d10e35c9e70e9d1c60ad0362a8619c8b8fca2cfa810854552d5ae848c87e0a36",
        "9a1b720bcbb75e1becbbfd98efb9b31ee7ac401ad696502005d288ebfda2513d",
    ),
    "paired": (
        "e00b29c474bfdd2e8a1145a2e4c4bbbf27b69b0b76a341483b2309b8e39ae84b",
        "770184e4766629acb6934546af56d0812fedd2eccce2b5321aebf226bbbedd62",
    ),
    "paired, 3D": (
        "3b4ae45ae4f10fdf05b54499b2d08ee6c6b09f94552a1ce1fc8a4aa900eca0b1",
        "066c53098f720a7af637d14dda7bd920352ddac2956a47e75b9a24d0dc9ea1f1",
    ),
    "uniform": (
        "f56ff32abb9aba10229d9d7b2fe212caa07b788dc2480b1d99038270c2e9450f",
        "0c02e39d55e2f2774fc7e4b47fc8d319b3b1421605105d053fa8509440725c3c",
    ),
    "uniform, 3D": (
        "5f436fbd514e8fbd0c1a9134a511385cbc55f042883b7964b095f64d57e03390",
        "7e0f846fbeba2fbceb2268fcf5f97d665f4842da2d2e30e681ea13cca6131de2",
    ),
    "median": (
        "dcd27a6f141a2a1bec810508281c49a9035557eeb85fb6705322e3e2539a6fb2",
        "0a8b6e8835f6802fb46edd7927881745a1a85a94ade4b64b59614c3ddd914617",
    ),
    "median, 3D": (
        "b8d6487d03e43d2b1bd5fe206a55df50c3efa3d7d9004556af96112022498225",
        "6c212423614e5ef887b21e9dbd162528084592388d9d250909de822248e5a16b",
    ),
    "random": (
        "42483914338fe8b2f9e88a3fb322a4b0a144d70aef17ed0da893dee2ec95461c",
        "8d7ca8bd0125118ed5fd790183044997e08322acc06fa37ec8745b0756e65b48",
    ),
    "random, 3D": (
        "538016b8e4de2ddda30dc067120b3fb28d46e884f4e1a1724bd1f89d5638f519",
        "6439c04660b67aa4594f60314f0c02b25bdbb122a533ff76ab8b8a5c231dbb8e",
    ),
    "fixed random": (
        "dad0fe2c26036cc5ea085c057dc2305edd2a09e8a6f5ab70f9910cffba56c909",
        "a4cb9c6a1feb4d9fbe039ee4cae5f9279472d5b54cc3c30062bc1d347a298389",
    ),
    "stratified": (
        "75e89f2c3b5f075eba526990f5a81377c6d07d20b1ff0f6a7c932da0d52e7bcc",
        "acd22c6aea5b9aed824a6dacfd4e1e5d5662084ae72420a03d5e6250a5799764",
    ),
    "stratified, 3D": (
        "0f68f9316e581c49fd347ab1c530c570bfff3640c0b9b1ebb5c26371e40d4b83",
        "5adeed7b42ddc3e201c09a95d03695b45405d443c0e14abe631653a860b572c9",
    ),
    "lines": (
        "15e21ba2d958ffbe9fb40335e029ac6eac1f9067b58a0415ee15310fd9726a98",
        "7c5c3e507fc5236b0483116302ee1a446c2b2687a1f8f2587959b17078c01f79",
    ),
    "crosses": (
        "7baa1b31f3c408e460d66a4146c79576173fde3fa6a2bf63c86b35e4581f34c4",
        "f17390cec3c5a69d0a34ad9cdb8c6ae2726faf84f45587482f30a5fd33c7925f",
    ),
    "squares, 3D": (
        "1d369c89cea277114f6b6c0e4b6df548e7d299253b3b74248fee435bb4297404",
        "4bc7acb2550889e4adb694904890465676f010f06663785bc5a503fdfce8f3ec",
    ),
    "channels": (
        "ba2c4632e4ac4cfa874d1465c502bfa63e2245ab52209be078226e778ffe0616",
        "bfd71eabdc140fea351a066096c90c29149a77c370cbdf799dcd4e40b90c6f20",
    ),
    "channels last": (
        "f0a2fc08089498f73e456ae249bb4d100186702bf762dba0c2ef9d20832b0257",
        "8b8ac24471cb5d4f34149f6160f35805d223cad25123001b4aa69d7c68a897b3",
    ),
    "columns": (
        "f61173540e8cd16ddfcdb66a1b5a23f80109b5d857d132f2ffef8bfc813da532",
        "9fff0436c0dfb5605d6476db8734f8d77172827febf3baf11d864dcbf35b43a6",
    ),
    "validation": (
        "df1185d36c9ecd2101ac29f018fa47dc1d254ede680bb05bde0611ec46f3a67d",
        "df1185d36c9ecd2101ac29f018fa47dc1d254ede680bb05bde0611ec46f3a67d",
    ),
    "|u1": (
        "533aaa690d59fdfdd9545b1ad80a6a29b122b384eb598e777474e80b16920170",
        "807dc48bb61cb743bcc1303c71b939b687132aa4d38f5a25d9a153ad51d127cc",
    ),
    "|i1": (
        "0a48dc5133788837de2f048dd0b2452aa41c9f23f5ceef103f2550a850fbc34a",
        "614678d323c32bf285d863fe0fec8b6d14294f1f28650da9ce1a931f79d9ab42",
    ),
    ">u2": (
        "41803c75ec728c0c1484b9143527eba782813dc3c795dde82e78a09894cbc51c",
        "f5c6e1a9ad7f09b0b7adce3ade40f405010b60d8a1674033ce77452d4d6ec9f8",
    ),
    "<i2": (
        "7e0c1aae33ab36398e15ac771f84f42262275f4727cd9fce0686b7bc4b42cdb6",
        "6c5090929115b4621a23440f4b1ff4881e7c5f445dca81a1a73b4979e855cf09",
    ),
    "<u4": (
        "2b1d62b30471488adaa9c5e810371ed7f6d92dc95c0d40db8cbf0689ac4bb50d",
        "d4beccc797d4b738fc192e17fdf357dee832f00382d98a13cbcd80154b1d03eb",
    ),
    ">i4": (
        "2cda365d73716f35a9b70a7af8beb7761dc841106c9dab9c1dbe01159884f8bd",
        "a0d92cf719596f1bca5944aa4aa7a72c48dc3e2d52cdcfca1a77ab2a7aac5509",
    ),
    "<u8": (
        "c56c3d1a21d2521753af315db80d17d21d836fd5e7a6b9f76877d7232e4f6250",
        "d7ccd37fe852bbfa591277c6a0d4051a4a30c047b94b85f685d068ef8be237cd",
    ),
    ">i8": (
        "c56c3d1a21d2521753af315db80d17d21d836fd5e7a6b9f76877d7232e4f6250",
        "d7ccd37fe852bbfa591277c6a0d4051a4a30c047b94b85f685d068ef8be237cd",
    ),
    "<f2": (
        "c0bac3cf2258e91264d77b553416c5a3680b9690b696447fcee90c999acfcf19",
        "a3cf4f285756a75566310cb104bf21d36fe4765edaa66e16548d4b496c79c9da",
    ),
    "<f4": (
        "3bf4c3a75c405df242c743079a0efd99f36418b661757b77f2efbc10ef405569",
        "b49c64de96b490f96343bbd6d04ba70e377265abb40c4ddd51069781b119a04d",
    ),
    ">f4": (
        "3bf4c3a75c405df242c743079a0efd99f36418b661757b77f2efbc10ef405569",
        "b49c64de96b490f96343bbd6d04ba70e377265abb40c4ddd51069781b119a04d",
    ),
    "<f8": (
        "243c6be36d1fe83af7f9ff0a2c7437ae2dd923285cdeebdd3eb3c3aed34f8fa7",
        "f6b6f89e80a0ec706e957b7158cc35d81c91de33cf108c60e459ebd394b086df",
    ),
    ">f8": (
        "243c6be36d1fe83af7f9ff0a2c7437ae2dd923285cdeebdd3eb3c3aed34f8fa7",
        "f6b6f89e80a0ec706e957b7158cc35d81c91de33cf108c60e459ebd394b086df",
    ),
}
"""The SHA-256 of epochs 0 and 1, shuffled, in batches of `BATCH_SIZE`, the last one as large as it comes."""

BATCH_SIZE = 5


def digest(batches: Iterable[Batch]) -> str:
    """Return the SHA-256 of batches: of the type, the shape and the bytes of every tensor, in order."""
    sha = hashlib.sha256()
    for batch in batches:
        for tensor in batch:
            sha.update(f"{tensor.dtype} {tuple(tensor.shape)} ".encode())
            sha.update(tensor.numpy().tobytes())
    return sha.hexdigest()
