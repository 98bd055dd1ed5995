"""What pydantic finds, in readable lines."""

from typing import get_args

import pytest
from pydantic import ValidationError

from patchmill.config import AlgorithmConfig, Configuration, Normalization, PatchFilter, create_n2v_configuration
from patchmill.config.problems import TAGS, below, config_error, problem, refusal
from patchmill.config.transforms import Transform


def error_of(changes):
    content = create_n2v_configuration("name", "array", "YX", [64, 64], 8).model_dump()
    with pytest.raises(ValidationError) as error:
        Configuration(**(content | changes))
    return error.value


def test_every_name_in_a_union_is_known():
    unions = {
        "algorithm_config": AlgorithmConfig,
        "normalization": Normalization,
        "patch_filter": PatchFilter,
        "transforms": Transform,
    }
    names = {
        field: {
            model.model_fields["algorithm" if field == "algorithm_config" else "name"].default
            for model in get_args(get_args(union)[0])
        }
        for field, union in unions.items()
    }
    assert names == TAGS


def test_a_name_is_left_out_of_a_path_only_where_a_union_is():
    error = refusal(problem("parameters.max", "wrong", 1), problem("normalization.min_max.input_mins", "wrong", 1))
    assert str(config_error(error)) == "parameters.max: wrong\nnormalization.input_mins: wrong"


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
