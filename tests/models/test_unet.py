"""The UNet keeps sizes, keeps channels apart where it should, and says which sizes it takes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from patchmill.config import UNetConfig
from patchmill.errors import ConfigError, ShapeError
from patchmill.models import UNet, create_model
from patchmill.models.blocks import interleave, pool_layer
from tests.oracles.max_blur_pool import max_blur_pool


@pytest.fixture(autouse=True, scope="module")
def _torch_threads() -> Iterator[None]:
    """One thread takes kernels of its own for small volumes, whose maps are in another order than those of training."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(n_threads)


def small_unet(**parameters: object) -> UNet:
    torch.manual_seed(0)
    return UNet(**{"conv_dims": 2, "num_channels_init": 8, **parameters}).eval()


@pytest.mark.parametrize(
    ("conv_dims", "depth", "size"),
    [(2, 1, (2, 6)), (2, 2, (16, 12)), (2, 3, (8, 24)), (3, 1, (2, 4, 6)), (3, 2, (4, 8, 12))],
)
@pytest.mark.parametrize("use_batch_norm", [True, False])
@pytest.mark.parametrize("n2v2", [True, False])
def test_the_output_has_the_spatial_sizes_of_the_input(
    conv_dims: int, depth: int, size: tuple[int, ...], use_batch_norm: bool, n2v2: bool
) -> None:
    model = small_unet(conv_dims=conv_dims, depth=depth, use_batch_norm=use_batch_norm, n2v2=n2v2)
    assert model(torch.randn(2, 1, *size)).shape == (2, 1, *size)


@pytest.mark.parametrize(
    ("in_channels", "num_classes", "independent"), [(1, 1, True), (3, 3, True), (2, 4, True), (3, 2, False)]
)
def test_the_output_has_num_classes_channels(in_channels: int, num_classes: int, independent: bool) -> None:
    model = small_unet(in_channels=in_channels, num_classes=num_classes, independent_channels=independent)
    assert model(torch.randn(2, in_channels, 8, 8)).shape == (2, num_classes, 8, 8)


def test_the_numbers_of_filters_double_with_each_level() -> None:
    shapes = {
        name: tuple(weight.shape)
        for name, weight in small_unet(depth=2).state_dict().items()
        if name.endswith("weight") and "norm" not in name
    }
    assert shapes == {
        "encoder.0.conv1.weight": (8, 1, 3, 3),
        "encoder.0.conv2.weight": (8, 8, 3, 3),
        "encoder.1.conv1.weight": (16, 8, 3, 3),
        "encoder.1.conv2.weight": (16, 16, 3, 3),
        "bottleneck.conv1.weight": (32, 16, 3, 3),
        "bottleneck.conv2.weight": (16, 32, 3, 3),
        "decoder.0.conv1.weight": (16, 32, 3, 3),
        "decoder.0.conv2.weight": (8, 16, 3, 3),
        "decoder.1.conv1.weight": (8, 16, 3, 3),
        "decoder.1.conv2.weight": (8, 8, 3, 3),
        "output.weight": (1, 8, 1, 1),
    }


def test_n2v2_has_no_skip_connection_at_its_top_level() -> None:
    usual, n2v2 = (dict(small_unet(depth=3, n2v2=each).named_parameters()) for each in (False, True))
    assert usual.keys() == n2v2.keys()
    narrower = {name for name, weight in usual.items() if weight.shape != n2v2[name].shape}
    assert narrower == {"decoder.2.conv1.weight"}
    assert n2v2["decoder.2.conv1.weight"].shape == (8, 8, 3, 3)


@pytest.mark.parametrize("n2v2", [True, False])
def test_only_the_pooling_leads_past_the_first_level_of_n2v2(n2v2: bool) -> None:
    model, image = small_unet(depth=2, n2v2=n2v2), torch.randn(1, 1, 8, 8)
    pooled: list[torch.Tensor] = []
    with torch.inference_mode():
        recording = model.pool.register_forward_hook(lambda _module, _inputs, output: pooled.append(output))
        expected = model(image)
        recording.remove()
        # The same pooled maps, whatever the first level shows.
        model.pool.register_forward_hook(lambda _module, _inputs, _output: pooled.pop(0))
        assert torch.equal(model(torch.randn(1, 1, 8, 8)), expected) is n2v2


def test_the_weights_of_the_blur_are_no_weights_to_learn_or_to_save() -> None:
    usual, n2v2 = (small_unet(n2v2=each) for each in (False, True))
    assert usual.state_dict().keys() == n2v2.state_dict().keys()


@pytest.mark.parametrize("conv_dims", [2, 3])
@given(data=st.data())
def test_pooled_maps_are_blurred_as_the_oracle_says(conv_dims: int, data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4).map(lambda half: 2 * half), min_size=conv_dims, max_size=conv_dims))
    image = np.random.default_rng(data.draw(st.integers(0, 2**32))).standard_normal((2, 3, *sizes), np.float32)
    pooled = pool_layer(conv_dims, blur=True)(torch.from_numpy(image))
    expected = np.stack([[max_blur_pool(channel) for channel in sample] for sample in image])
    # Sums of 27 products of numbers of about 1, with a rounding each.
    np.testing.assert_allclose(pooled.numpy(), expected, rtol=0, atol=1e-5)


def test_a_blurred_constant_is_that_constant_away_from_the_border() -> None:
    pooled = pool_layer(2, blur=True)(torch.full((1, 1, 8, 8), 3.0))
    assert pooled.shape == (1, 1, 4, 4)
    assert torch.equal(pooled[..., 1:-1, 1:-1], torch.full((1, 1, 2, 2), 3.0))
    assert pooled[0, 0, 0, 1] == 3.0 * 3 / 4


@pytest.mark.parametrize("conv_dims", [2, 3])
@pytest.mark.parametrize("num_classes", [3, 6])
@pytest.mark.parametrize("changed", [0, 1, 2])
@pytest.mark.parametrize("n2v2", [True, False])
def test_independent_channels_see_nothing_of_each_other(
    conv_dims: int, num_classes: int, changed: int, n2v2: bool
) -> None:
    model = small_unet(conv_dims=conv_dims, in_channels=3, num_classes=num_classes, depth=2, n2v2=n2v2)
    image = torch.randn(2, 3, *(8,) * conv_dims)
    other = image.clone()
    other[:, changed] = torch.randn_like(other[:, changed])
    with torch.inference_mode():
        difference = (model(image) - model(other)).abs().amax(dim=(0, *range(2, conv_dims + 2)))
    own = [channel * 3 // num_classes == changed for channel in range(num_classes)]
    assert [bool(value > 0) for value in difference] == own


def test_mixed_channels_see_each_other() -> None:
    model = small_unet(in_channels=2, num_classes=2, independent_channels=False)
    image = torch.randn(1, 2, 8, 8)
    other = image.clone()
    other[:, 0] += 1
    assert not torch.equal(model(image)[:, 1], model(other)[:, 1])


def test_an_independent_channel_is_the_network_of_one_channel() -> None:
    double = small_unet(in_channels=2, num_classes=2, depth=2)
    single = small_unet(depth=2)
    state = {
        name: value if value.ndim == 0 else value[: len(value) // 2].clone()
        for name, value in double.state_dict().items()
    }
    single.load_state_dict(state)
    image = torch.randn(2, 2, 8, 8)
    torch.testing.assert_close(double(image)[:, :1], single(image[:, :1]))


def test_interleave_alternates_the_groups() -> None:
    first, second = torch.arange(4.0).reshape(1, 4, 1, 1), torch.arange(10.0, 12.0).reshape(1, 2, 1, 1)
    assert interleave(first, second, 2).flatten().tolist() == [0, 1, 10, 2, 3, 11]
    assert interleave(first, second, 1).flatten().tolist() == [0, 1, 2, 3, 10, 11]


def test_residual_adds_the_input_to_the_output() -> None:
    model = small_unet(residual=True)
    assert isinstance(model.output, nn.Conv2d)
    nn.init.zeros_(model.output.weight)
    nn.init.zeros_(model.output.bias)
    image = torch.randn(1, 1, 8, 8)
    torch.testing.assert_close(model(image), image, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("None", lambda x: x),
        ("Sigmoid", torch.sigmoid),
        ("Softmax", lambda x: torch.softmax(x, dim=1)),
        ("Tanh", torch.tanh),
        ("ReLU", torch.relu),
        ("LeakyReLU", nn.functional.leaky_relu),
    ],
)
def test_the_final_activation_comes_last(name: str, expected: object) -> None:
    parameters = {"num_classes": 3, "independent_channels": False}
    image = torch.randn(1, 1, 8, 8)
    plain = small_unet(**parameters)(image)
    torch.testing.assert_close(small_unet(**parameters, final_activation=name)(image), expected(plain))


def test_use_batch_norm_decides_whether_there_are_norm_layers() -> None:
    norms = [
        sum(isinstance(module, nn.BatchNorm2d) for module in small_unet(use_batch_norm=use).modules())
        for use in (True, False)
    ]
    assert norms == [10, 0]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 1, 8, 10), r"axis X: expected a multiple of 4, .*got 10\. Use 8 or 12\."),
        ((1, 1, 7, 8), r"axis Y: expected a multiple of 4, .*got 7\. Use 4 or 8\."),
        ((1, 1, 8, 3), r"axis X: .*got 3\. Use 4\."),
        ((1, 2, 8, 8), r"axis C: expected 1 channels \(in_channels\), got 2\."),
        ((1, 8, 8), r"expected axes BCYX for a 2D network, got shape \(1, 8, 8\)"),
    ],
)
def test_a_shape_that_does_not_fit_is_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        small_unet(depth=2)(torch.zeros(shape))


def test_axis_z_is_named_in_3d() -> None:
    with pytest.raises(ShapeError, match=r"axis Z: expected a multiple of 2, .*got 5\. Use 4 or 6\."):
        small_unet(conv_dims=3, depth=1)(torch.zeros(1, 1, 5, 4, 4))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"in_channels": 2, "num_classes": 3}, "num_classes: expected a multiple of in_channels"),
        ({"num_classes": 2, "residual": True}, "because residual adds the input"),
    ],
)
def test_channels_that_do_not_fit_together_are_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small_unet(**parameters)


@pytest.mark.parametrize("conv_dims", [2, 3])
@pytest.mark.parametrize("n2v2", [True, False])
def test_a_configuration_makes_the_network_it_describes(conv_dims: int, n2v2: bool) -> None:
    config = UNetConfig(conv_dims=conv_dims, in_channels=2, num_classes=2, depth=1, num_channels_init=8, n2v2=n2v2)
    torch.manual_seed(0)
    model = create_model(config)
    expected = small_unet(conv_dims=conv_dims, in_channels=2, num_classes=2, depth=1, n2v2=n2v2)
    assert model.n2v2 is n2v2
    assert model.state_dict().keys() == expected.state_dict().keys()
    assert all(torch.equal(value, expected.state_dict()[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("conv_dims", [2, 3])
@pytest.mark.parametrize("in_channels", [1, 2])
@pytest.mark.parametrize("n2v2", [True, False])
def test_every_map_stays_in_channels_last_order(conv_dims: int, in_channels: int, n2v2: bool) -> None:
    memory_format = {2: torch.channels_last, 3: torch.channels_last_3d}[conv_dims]
    model = small_unet(conv_dims=conv_dims, in_channels=in_channels, num_classes=in_channels, n2v2=n2v2)
    model = model.to(memory_format=memory_format)
    strays = []

    def check(module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
        if not output.is_contiguous(memory_format=memory_format):
            strays.append(module)

    for module in model.modules():
        module.register_forward_hook(check)
    model(torch.randn(2, in_channels, *(8,) * conv_dims).contiguous(memory_format=memory_format))
    assert strays == []
