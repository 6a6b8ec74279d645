"""What a worker needs, as bytes, for a process that this one starts, and what keeps a worker from its work, as text.

A model that is defined in a notebook, a script or a function has no module to be imported from: cloudpickle sends the
function itself. Only a worker unpickles, and only what the process that started it wrote into its pipe.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import cloudpickle

import nonlin.errors
from nonlin.comparison.trainers import Train
from nonlin.errors import DataError, NonlinError


def packed(address: dict[str, Any], train: Train) -> bytes:
    """The ledger's address and the training. Raises DataError where a part of it exists in this process only."""
    try:
        return cloudpickle.dumps((address, train))
    except Exception as error:
        raise DataError(f"cannot go to a worker process: {type(error).__name__}: {_line(error)}: make_model holds what "
                        "only this process has; build it inside make_model, or use workers=1") from None  # fmt: skip


def unpacked(content: bytes) -> tuple[dict[str, Any], Train]:
    """What `packed` was given. Raises DataError where a module of it is not there."""
    try:
        return cloudpickle.loads(content)
    except (ImportError, AttributeError) as error:
        raise DataError(f"a worker process cannot load the model: {_line(error)}: "
                        "keep what make_model uses in a module that can be imported") from None  # fmt: skip


def as_failure(error: BaseException) -> dict[str, str]:
    """What a worker raised, as JSON for its parent."""
    if isinstance(error, NonlinError):
        return {"kind": type(error).__name__, "message": str(error)}
    last = traceback.extract_tb(error.__traceback__)[-1]
    # A function that came as bytes has its name and line, but no file.
    place = last.name if last.filename.startswith("<") else Path(last.filename).name
    return {"kind": "", "message": f"{type(error).__name__}: {_line(error)} ({place}, line {last.lineno})"}


def raised(failure: dict[str, str]) -> NonlinError:
    """The error for `as_failure`'s JSON."""
    if failure["kind"]:
        return getattr(nonlin.errors, failure["kind"])(failure["message"])
    return DataError(f"a training run failed: {failure['message']}: mend it, and give the same command again")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
