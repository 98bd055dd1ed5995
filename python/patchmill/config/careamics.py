"""Configurations that CAREamics v0.1 saved."""

from __future__ import annotations

from typing import Any

__all__ = ["from_careamics"]

_AUGMENTATIONS = [{"name": "XYFlip"}, {"name": "XYRandomRotate90"}]


def from_careamics(content: dict[str, Any]) -> dict[str, Any]:
    """Put what CAREamics v0.1 writes of Noise2Void where patchmill has it. Everything else has the same place.

    The masking (``algorithm_config.n2v_config``) becomes the last of ``data_config.transforms``, its seed that of the
    data; ``algorithm_config.monitor_metric`` goes if it is the validation loss, which the scheduler watches anyway.

    Parameters
    ----------
    content : dict
        The fields of a file, from CAREamics or from patchmill. It stays as it is.

    Returns
    -------
    dict
        The fields as patchmill has them. They are not checked.
    """
    algorithm, data = content.get("algorithm_config"), content.get("data_config")
    if not isinstance(algorithm, dict) or not isinstance(data, dict):
        return content
    masking, transforms = algorithm.get("n2v_config"), data.get("transforms", _AUGMENTATIONS)
    if not isinstance(masking, dict) or not isinstance(transforms, list):
        return content
    moved = {"n2v_config"} | ({"monitor_metric"} if algorithm.get("monitor_metric") == "val_loss" else set())
    return {
        **content,
        "algorithm_config": {field: value for field, value in algorithm.items() if field not in moved},
        "data_config": {
            "seed": masking.get("seed"),
            **data,
            "transforms": [*transforms, {field: value for field, value in masking.items() if field != "seed"}],
        },
    }
