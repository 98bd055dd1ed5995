"""Calls the functions of a module of this folder, in the environment of the peer, for those who ask over a pipe."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import warnings
from typing import Any


def main() -> None:
    """Answer requests, each a name and keyword arguments, until there are no more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the peer prints must not come between the answers
    warnings.simplefilter("ignore")
    functions = importlib.import_module(sys.argv[1])
    while True:
        try:
            name, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(_answer(functions, name, arguments), answers)
        answers.flush()


def _answer(functions: Any, name: str, arguments: dict[str, Any]) -> tuple[bool, Any]:
    try:
        return True, getattr(functions, name)(**arguments)
    except Exception as error:
        return False, f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
