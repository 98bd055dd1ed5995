"""What pydantic finds, in readable lines."""

from typing import get_args

import pytest
from pydantic import ValidationError

from patchmill.config import AlgorithmConfig, Configuration, create_n2v_configuration
from patchmill.config.problems import TAGS, below, config_error, problem, refusal
from patchmill.config.transforms import Transform


def error_of(changes):
    content = create_n2v_configuration("name", "array", "YX", [64, 64], 8).model_dump()
    with pytest.raises(ValidationError) as error:
        Configuration(**(content | changes))
    return error.value


def test_every_name_in_a_union_is_known():
    transforms, algorithms = get_args(get_args(Transform)[0]), get_args(get_args(AlgorithmConfig)[0])
    names = [model.model_fields["name"].default for model in transforms]
    names += [model.model_fields["algorithm"].default for model in algorithms]
    assert set(names) == TAGS


def test_paths_are_those_of_the_file():
    content = {"transforms": [{"name": "XYFlip", "p": 2}], "data_type": "array", "axes": "YX", "patch_size": [64, 64]}
    assert str(config_error(error_of({"data_config": content}))) == (
        "data_config.transforms[0].p: expected at most 1, got 2."
    )


def test_several_problems_stand_below_the_place():
    error = config_error(error_of({"experiment_name": 3, "algorithm_config": {"algorithm": "n3v"}}), where="a.yml")
    assert str(error).splitlines() == [
        "a.yml: 2 problems",
        "  experiment_name: expected a string, got 3.",
        "  algorithm_config: expected 'algorithm' to be one of 'n2v', 'care', 'n2n', got {'algorithm': 'n3v'}.",
    ]


def test_a_problem_keeps_its_text_whatever_it_holds():
    message = "expected {x}, got {{y}} 100 %."
    assert str(config_error(refusal(problem("a.b", message, 3)))) == f"a.b: {message}"


def test_a_problem_moves_below_another_field_with_its_text():
    error = refusal(*below("parameters", refusal(problem("lr", "expected more.", 0))))
    assert str(config_error(error)) == "parameters.lr: expected more."


def test_long_values_are_shortened():
    error = config_error(error_of({"experiment_name": ["x" * 10_000]}))
    assert len(str(error)) < 200
