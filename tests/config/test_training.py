"""The length of a training."""

import pytest
from pydantic import ValidationError

from patchmill.config import TrainingConfig


def test_by_default_100_epochs_of_all_batches():
    assert TrainingConfig().model_dump() == {"num_epochs": 100, "num_steps": None}


@pytest.mark.parametrize("wrong", [{"num_epochs": 0}, {"num_steps": 0}, {"num_epochs": None}])
def test_nothing_is_trained_in_less_than_one_step(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TrainingConfig(**wrong)
