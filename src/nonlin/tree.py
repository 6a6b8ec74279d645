"""Values in nested containers: what a model is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def leaves(value: Any) -> Iterator[Any]:
    """Everything in dicts, lists, tuples and dataclasses that is none of these."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for f in fields(value):
            yield from leaves(getattr(value, f.name))
    else:
        yield value


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """The same dicts, lists and tuples, with `function` of each leaf."""
    if isinstance(value, dict):
        return type(value)((key, mapped(function, item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        items = [mapped(function, item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return function(value)


def arguments(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a model is called with: a tuple or list is its arguments, a mapping its keywords, anything else the one."""
    if isinstance(example, Mapping):
        return (), dict(example)
    return (tuple(example) if isinstance(example, tuple | list) else (example,)), {}
