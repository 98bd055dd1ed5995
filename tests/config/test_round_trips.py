"""Whatever is valid comes back as it was: from JSON, from YAML, from a copy, from an assignment."""

import copy
import json
import pickle

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patchmill.config import load_configuration, save_configuration
from tests.config.strategies import PARTS, configurations
from tests.dataset.thoroughness import times

ANY_PART = pytest.mark.parametrize("part", PARTS)
FEW = settings(max_examples=times(25, slow=500), deadline=None)
FILES = settings(
    max_examples=times(40, slow=1000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@ANY_PART
@FEW
@given(data=st.data())
def test_a_part_comes_back_from_json_and_yaml(part, data):
    config = data.draw(PARTS[part])
    content = config.model_dump_json()
    assert type(config).model_validate_json(content) == config
    assert type(config).model_validate(yaml.safe_load(yaml.safe_dump(json.loads(content)))) == config
    assert type(config).model_validate(config.model_dump()) == config


@ANY_PART
@FEW
@given(data=st.data())
def test_a_part_is_the_same_when_it_is_copied_or_pickled(part, data):
    config = data.draw(PARTS[part])
    assert config.checked_copy() == config
    assert copy.deepcopy(config) == config
    assert pickle.loads(pickle.dumps(config)) == config


@ANY_PART
@FEW
@given(data=st.data())
def test_a_field_may_be_assigned_what_it_holds(part, data):
    config = data.draw(PARTS[part])
    before = config.model_copy(deep=True)
    for field in type(config).model_fields:
        setattr(config, field, copy.deepcopy(getattr(config, field)))
        assert config == before


@pytest.mark.parametrize(("suffix", "comments"), [(".yml", False), (".yml", True), (".yaml", False), (".json", False)])
@FILES
@given(config=configurations())
def test_a_configuration_comes_back_from_a_file(tmp_path, suffix, comments, config):
    loaded = load_configuration(save_configuration(config, tmp_path / f"config{suffix}", comments=comments))
    assert loaded == config
    assert repr(loaded) == repr(config)
