"""The comments of a file say what the documentation says."""

import re

import yaml

from patchmill.config import QuantileConfig, create_n2v_configuration, save_configuration


def commented_lines(tmp_path, **settings) -> list[str]:
    config = create_n2v_configuration("comments", "tiff", "YX", [64, 64], 8, **settings)
    return save_configuration(config, tmp_path / "config.yml", comments=True).read_text().splitlines()


def above(lines: list[str], field: str) -> str:
    """Join the comment above a field."""
    (number,) = [n for n, line in enumerate(lines) if re.match(rf" *{field}:", line)]
    first = number
    while lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return " ".join(line.lstrip(" #") for line in lines[first:number])


def test_a_comment_is_the_documentation_without_its_markup(tmp_path):
    lines = commented_lines(tmp_path)
    assert above(lines, "axes") == (
        "One letter per axis of the images, in their order: any order of a subset of STCZYX with Y and X. [str]"
    )
    assert above(lines, "strategy").endswith('as in N2V2. [{"uniform", "median"}, default="uniform"]')
    # Two fields that are documented together.
    assert above(lines, "image_means") == above(lines, "image_stds")
    # What is a constant, or has fields of its own, is not said to be of a type.
    assert above(lines, "algorithm") == "Which algorithm this is."
    assert above(lines, "algorithm_config") == "What is learnt, and how."


def test_parts_are_described_as_what_they_are(tmp_path):
    lines = commented_lines(tmp_path, normalization=QuantileConfig())
    assert above(lines, "lower_quantiles").startswith("The levels, 0 to 1, each upper one above its lower one")


def test_comments_change_no_field(tmp_path):
    config = create_n2v_configuration("comments", "tiff", "YX", [64, 64], 8)
    paths = [tmp_path / "plain.yml", tmp_path / "commented.yml"]
    texts = [save_configuration(config, path, comments="commented" in path.name).read_text() for path in paths]
    assert yaml.safe_load(texts[0]) == yaml.safe_load(texts[1])
    assert "#" not in texts[0]
