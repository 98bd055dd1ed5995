"""The network."""

import pytest
from pydantic import ValidationError

from patchmill.config import UNetConfig


def test_defaults_are_those_of_careamics():
    assert UNetConfig().model_dump() == {
        "architecture": "UNet",
        "conv_dims": 2,
        "num_classes": 1,
        "in_channels": 1,
        "depth": 2,
        "num_channels_init": 32,
        "residual": False,
        "final_activation": "None",
        "n2v2": False,
        "independent_channels": True,
        "use_batch_norm": True,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"conv_dims": 1},
        {"num_classes": 0},
        {"in_channels": 0},
        {"depth": 0},
        {"depth": 11},
        {"num_channels_init": 6},
        {"num_channels_init": 9},
        {"final_activation": "Softplus"},
    ],
)
def test_a_network_that_cannot_be_built_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        UNetConfig(**wrong)


def test_independent_channels_need_outputs_for_each_input():
    assert UNetConfig(in_channels=3, num_classes=6).num_classes == 6
    assert UNetConfig(in_channels=3, num_classes=1, independent_channels=False).num_classes == 1
    with pytest.raises(ValidationError, match="Set independent_channels=False to mix channels"):
        UNetConfig(in_channels=3, num_classes=1)


def test_2d_or_3d_is_set_as_in_careamics():
    config = UNetConfig()
    config.set_3D(True)
    assert config.conv_dims == 3
    assert config.is_3D()
    config.set_3D(False)
    assert not config.is_3D()
