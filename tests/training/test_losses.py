"""The losses are what their formulas say."""

from __future__ import annotations

import pytest
import torch

from patchmill.config import CAREAlgorithm, N2NAlgorithm, N2VAlgorithm, UNetConfig
from patchmill.errors import ShapeError
from patchmill.training import create_loss, mae_loss, mse_loss, n2v_loss
from patchmill.training.losses import n_terms


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float32])
def test_n2v_loss_is_the_mean_squared_error_at_the_masked_pixels(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    prediction, original = torch.randn(2, 3, 1, 8, 8)
    mask = torch.rand(original.shape) < 0.1
    expected = (original - prediction)[mask].double().square().mean()
    torch.testing.assert_close(n2v_loss(prediction, original, mask.to(dtype)).double(), expected)


def test_n2v_loss_ignores_what_is_not_masked() -> None:
    original = torch.zeros(1, 1, 4, 4)
    mask = torch.zeros_like(original)
    mask[0, 0, 1, 2] = 1
    prediction = torch.full_like(original, 9.0).where(mask == 0, 2.0).requires_grad_()
    loss = n2v_loss(prediction, original, mask)
    loss.backward()
    assert loss.item() == 4
    assert torch.equal(prediction.grad != 0, mask != 0)


def test_n2v_loss_of_an_empty_mask_is_zero() -> None:
    prediction = torch.randn(1, 1, 4, 4, requires_grad=True)
    loss = n2v_loss(prediction, torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4, dtype=torch.uint8))
    loss.backward()
    assert loss.item() == 0
    assert not prediction.grad.any()


def test_mae_and_mse_are_means_over_all_pixels() -> None:
    prediction, target = torch.tensor([[1.0, 4.0]]), torch.tensor([[3.0, 3.0]])
    assert mae_loss(prediction, target).item() == 1.5
    assert mse_loss(prediction, target).item() == 2.5


@pytest.mark.parametrize("loss", [mae_loss, mse_loss])
def test_shapes_that_would_be_broadcast_are_refused(loss: object) -> None:
    with pytest.raises(ShapeError, match=r"target: expected the shape of the prediction, \(2, 3, 4, 4\), got"):
        loss(torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4))


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match="mask: expected"):
        n2v_loss(torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4))


def test_each_algorithm_has_its_loss() -> None:
    model = UNetConfig()
    assert create_loss(N2VAlgorithm(model=model)) is n2v_loss
    assert create_loss(CAREAlgorithm(model=model)) is mae_loss
    assert create_loss(N2NAlgorithm(model=model, loss="mse")) is mse_loss


def test_losses_are_means_of_as_many_terms_as_are_counted() -> None:
    prediction, original = torch.randn(2, 3, 1, 8, 8)
    mask = (torch.rand(original.shape) < 0.1).to(torch.uint8)
    squares = (prediction - original).square()
    torch.testing.assert_close(
        n2v_loss(prediction, original, mask) * n_terms(prediction, original, mask), (squares * mask).sum()
    )
    torch.testing.assert_close(mse_loss(prediction, original) * n_terms(prediction, original), squares.sum())
