"""Comments for the files of configurations, taken from where the fields are documented."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

__all__ = ["commented"]

WIDTH = 100
"""How long a line of a comment may be."""


def commented(model: BaseModel, content: Mapping[str, Any], dump: Callable[[Any], str], indent: str = "") -> str:
    """Write a model as YAML, with a comment above each field.

    Parameters
    ----------
    model : BaseModel
        The model. The numpydoc of its class, and of the classes of its parts, is what the comments say.
    content : mapping
        The model as plain values.
    dump : callable
        What writes a plain value as YAML, in block style.
    indent : str, default=""
        What each line begins with.

    Returns
    -------
    str
        The lines.
    """
    described = _descriptions(type(model))
    lines = []
    for field, value in content.items():
        part = getattr(model, field)
        text, kind = described.get(field, ("", ""))
        if _is_choice(kind) and not isinstance(part, BaseModel):
            text = f"{text} [{kind}]"
        lines += textwrap.wrap(text, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")
        if isinstance(part, BaseModel):
            lines.append(f"{indent}{field}:\n{commented(part, value, dump, indent + '  ')}")
        elif isinstance(part, list) and part and all(isinstance(each, BaseModel) for each in part):
            lines.append(f"{indent}{field}:")
            for each, plain in zip(part, value, strict=True):
                item = commented(each, plain, dump, indent + "  ")
                lines.append(f"{indent}- {item.lstrip()}")
        else:
            lines += textwrap.indent(dump({field: value}).rstrip("\n"), indent).split("\n")
    return "\n".join(lines)


def _descriptions(model: type[BaseModel]) -> dict[str, tuple[str, str]]:
    """Read what the docstring of a model says of its fields: by field, the text and the type."""
    described = {}
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$", inspect.getdoc(model) or "", flags=re.MULTILINE)
    section = dict(zip(parts[1::2], parts[2::2], strict=True)).get("Parameters", "")
    for names, kind, text in re.findall(r"^(\w[\w, ]*) : (.*)\n((?:(?: .*)?\n?)*)", section, flags=re.MULTILINE):
        described.update(dict.fromkeys(names.split(", "), (_plain(text), _plain(kind))))
    return described


def _is_choice(kind: str) -> bool:
    """Whether there is anything to choose: a constant stands for itself."""
    return bool(kind) and not re.fullmatch(r'"[^"]*"', kind)


def _plain(text: str) -> str:
    """Leave out the markup of a docstring, and its line breaks."""
    return " ".join(re.sub(r" ?\[\d+\]_|`", "", text).split())
